// SPDX-License-Identifier: Apache-2.0
// Servers with libuv and libevent, in the way that their authors recommend.

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "peers.h"
#include "stream_servers.h"

#if BENCH_LIBEVENT
#include <event2/listener.h>
#endif
#if BENCH_EVENT_OPENSSL
#include <event2/bufferevent_ssl.h>

#include "tls_socket.h"
#endif

namespace tornado::bench {
namespace {

constexpr std::size_t least_buffer = 1024;

#if BENCH_LIBUV

/// One connection, with the room for what it reads.
struct UvConnection {
  explicit UvConnection(std::size_t size) : buffer(std::max(size, least_buffer)) {
    tcp.data = this;
  }
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&tcp); }
  void close() {
    ::uv_close(reinterpret_cast<uv_handle_t*>(&tcp), [](uv_handle_t* handle) {
      delete static_cast<UvConnection*>(handle->data);
    });
  }
  void read(uv_read_cb on_read) {
    const auto give_buffer = [](uv_handle_t* handle, std::size_t, uv_buf_t* room) {
      auto& self = *static_cast<UvConnection*>(handle->data);
      *room = ::uv_buf_init(self.buffer.data() + self.there,
                            static_cast<unsigned>(self.buffer.size() - self.there));
    };
    ::uv_read_start(stream(), give_buffer, on_read);
  }

  uv_tcp_t tcp;
  std::vector<char> buffer;
  std::size_t there = 0;  // the beginning of a line
  std::size_t* left = nullptr;
  uv_stream_t* listener = nullptr;
};

/// What the kernel does not take at once is queued with the bytes.
void uv_send(uv_stream_t* stream, const char* bytes, std::size_t size) {
  uv_buf_t all = ::uv_buf_init(const_cast<char*>(bytes), static_cast<unsigned>(size));
  const int sent = ::uv_try_write(stream, &all, 1);
  const std::size_t done = sent > 0 ? static_cast<std::size_t>(sent) : 0;
  if (done == size) return;
  struct Rest {
    uv_write_t write;
    std::string bytes;
  };
  auto* const rest = new Rest{{}, std::string(bytes + done, size - done)};
  rest->write.data = rest;
  all = ::uv_buf_init(rest->bytes.data(), static_cast<unsigned>(rest->bytes.size()));
  ::uv_write(&rest->write, stream, &all, 1,
             [](uv_write_t* write, int) { delete static_cast<Rest*>(write->data); });
}

template <class Serve>
void run_uv(Serve serve) {
  uv_loop_t loop;
  ::uv_loop_init(&loop);
  serve(&loop);
  ::uv_run(&loop, UV_RUN_DEFAULT);
  ::uv_loop_close(&loop);
}

void uv_open(uv_loop_t* loop, UniqueFd fd, std::size_t room, uv_read_cb on_read) {
  auto* const connection = new UvConnection(room);
  ::uv_tcp_init(loop, &connection->tcp);
  ::uv_tcp_open(&connection->tcp, fd.release());
  connection->read(on_read);
}

void uv_echo(std::vector<UniqueFd>& fds, std::size_t message) {
  const auto on_read = [](uv_stream_t* stream, ssize_t n, const uv_buf_t* room) {
    if (n < 0) return static_cast<UvConnection*>(stream->data)->close();
    if (n > 0) uv_send(stream, room->base, static_cast<std::size_t>(n));
  };
  run_uv([&](uv_loop_t* loop) {
    for (UniqueFd& fd : fds) uv_open(loop, std::move(fd), message, on_read);
  });
}

/// The lines that one read has brought are written together.
void uv_lines(UniqueFd fd) {
  const auto on_read = [](uv_stream_t* stream, ssize_t n, const uv_buf_t*) {
    auto& self = *static_cast<UvConnection*>(stream->data);
    if (n < 0) return self.close();
    self.there += static_cast<std::size_t>(n);
    const char* const begin = self.buffer.data();
    const char* line = begin;
    std::string out;
    out.reserve(self.there);
    const auto find_end = [&] {
      const auto rest = static_cast<std::size_t>(begin + self.there - line);
      return static_cast<const char*>(std::memchr(line, '\n', rest));
    };
    while (const char* const end = find_end()) {
      out.append(line, end + 1);
      line = end + 1;
    }
    self.there -= static_cast<std::size_t>(line - begin);
    std::memmove(self.buffer.data(), line, self.there);
    uv_send(stream, out.data(), out.size());
  };
  run_uv([&](uv_loop_t* loop) { uv_open(loop, std::move(fd), 64 << 10, on_read); });
}

void uv_accept_some(UniqueFd listener, std::size_t n) {
  run_uv([&](uv_loop_t* loop) {
    auto* const server = new UvConnection(0);
    server->left = &n;
    ::uv_tcp_init(loop, &server->tcp);
    ::uv_tcp_open(&server->tcp, listener.release());
    const auto on_connection = [](uv_stream_t* stream, int) {
      auto* const connection = new UvConnection(0);
      connection->listener = stream;
      ::uv_tcp_init(stream->loop, &connection->tcp);
      check(::uv_accept(stream, connection->stream()) == 0, "uv_accept");
      connection->read([](uv_stream_t* it, ssize_t size, const uv_buf_t* room) {
        if (size <= 0) return;
        uv_send(it, room->base, static_cast<std::size_t>(size));
        auto& self = *static_cast<UvConnection*>(it->data);
        self.close();
        auto& accepts = *static_cast<UvConnection*>(self.listener->data);
        if (--*accepts.left == 0) accepts.close();
      });
    };
    ::uv_listen(server->stream(), 256, on_connection);
  });
}
#endif

#if BENCH_LIBEVENT

/// How bufferevents are made and ended.
struct PlainEvents {
  static bufferevent* open(event_base* base, UniqueFd fd) {
    return ::bufferevent_socket_new(base, fd.release(), BEV_OPT_CLOSE_ON_FREE);
  }
  static void close(bufferevent* it) { ::bufferevent_free(it); }
};

#if BENCH_EVENT_OPENSSL
struct TLSEvents {
  static bufferevent* open(event_base* base, UniqueFd fd) {
    static SSL_CTX* const context = make_tls_server();
    return ::bufferevent_openssl_socket_new(base, fd.release(), ::SSL_new(context),
                                            BUFFEREVENT_SSL_ACCEPTING,
                                            BEV_OPT_CLOSE_ON_FREE);
  }
  static void close(bufferevent* it) {
    SSL* const ssl = ::bufferevent_openssl_get_ssl(it);
    ::SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
    ::SSL_shutdown(ssl);
    ::bufferevent_free(it);
  }
};
#endif

template <class Kind>
void open_bufferevent(event_base* base, UniqueFd fd, bufferevent_data_cb on_read) {
  const auto on_end = [](bufferevent* it, short what, void*) {
    if (!(what & BEV_EVENT_CONNECTED)) Kind::close(it);
  };
  bufferevent* const it = Kind::open(base, std::move(fd));
  ::bufferevent_setcb(it, on_read, nullptr, on_end, nullptr);
  ::bufferevent_enable(it, EV_READ | EV_WRITE);
}

void echo_input(bufferevent* it, void*) {
  ::bufferevent_write_buffer(it, ::bufferevent_get_input(it));
}

template <class Kind>
void bufferevent_echo(std::vector<UniqueFd>& fds, std::size_t) {
  event_base* const base = ::event_base_new();
  for (UniqueFd& fd : fds) open_bufferevent<Kind>(base, std::move(fd), &echo_input);
  ::event_base_dispatch(base);
  ::event_base_free(base);
}

template <class Kind>
void bufferevent_lines(UniqueFd fd) {
  event_base* const base = ::event_base_new();
  const auto on_read = [](bufferevent* it, void*) {
    evbuffer* const in = ::bufferevent_get_input(it);
    for (;;) {
      const evbuffer_ptr end = ::evbuffer_search(in, "\n", 1, nullptr);
      if (end.pos < 0) return;
      ::evbuffer_remove_buffer(in, ::bufferevent_get_output(it),
                               static_cast<std::size_t>(end.pos) + 1);
    }
  };
  open_bufferevent<Kind>(base, std::move(fd), on_read);
  ::event_base_dispatch(base);
  ::event_base_free(base);
}

struct EventAccepts {
  event_base* base;
  evconnlistener* listener;
  std::size_t left;
};

template <class Kind>
void bufferevent_accept(UniqueFd listener, std::size_t n) {
  EventAccepts accepts{::event_base_new(), nullptr, n};
  const auto on_accept = [](evconnlistener*, evutil_socket_t fd, sockaddr*, int,
                            void* all) {
    bufferevent* const it =
        Kind::open(static_cast<EventAccepts*>(all)->base, UniqueFd(fd));
    const auto on_read = [](bufferevent* self, void* every) {
      const auto on_written = [](bufferevent* done, void* accepts_of) {
        Kind::close(done);
        auto& one = *static_cast<EventAccepts*>(accepts_of);
        if (--one.left == 0) ::evconnlistener_free(one.listener);
      };
      // Before there are bytes it would be called at once.
      ::bufferevent_setcb(self, nullptr, on_written, nullptr, every);
      echo_input(self, nullptr);
    };
    ::bufferevent_setcb(it, on_read, nullptr, nullptr, all);
    ::bufferevent_enable(it, EV_READ | EV_WRITE);
  };
  accepts.listener = ::evconnlistener_new(accepts.base, on_accept, &accepts,
                                          LEV_OPT_CLOSE_ON_FREE, 0, listener.release());
  ::event_base_dispatch(accepts.base);
  ::event_base_free(accepts.base);
}

template <class Kind>
StreamServer bufferevent_server() {
  return {"libevent, bufferevent",   Role::peer,
          &bufferevent_echo<Kind>,   &bufferevent_lines<Kind>,
          &bufferevent_accept<Kind>, 0.1};
}
#endif

}  // namespace

std::vector<StreamServer> peer_stream_servers() {
  return {
#if BENCH_LIBUV
    {"libuv", Role::peer, &uv_echo, &uv_lines, &uv_accept_some},
#endif
#if BENCH_LIBEVENT
        bufferevent_server<PlainEvents>(),
#endif
  };
}

#if BENCH_TLS
std::vector<StreamServer> peer_tls_servers() {
  return {
#if BENCH_LIBEVENT
    bufferevent_server<TLSEvents>(),
#endif
  };
}
#endif

}  // namespace tornado::bench
