// SPDX-License-Identifier: Apache-2.0
// A server that sends back what it gets, to 64 connections over loopback TCP, by the
// handlers of each loop. Streams are in streams.cpp.

#include <array>
#include <memory>
#include <string>

#include "client_process.h"
#include "harness.h"
#include "wakeable.h"

namespace tornado::bench {
namespace {

constexpr std::size_t message_size = 64;
constexpr std::size_t most_bytes = 4096;

/// Reads and writes back. False at the end of the connection.
bool echo_once(int fd) {
  std::array<char, most_bytes> buffer;
  const auto n = ::read(fd, buffer.data(), buffer.size());
  if (n <= 0) return n != 0 && errno == EAGAIN;
  check(::write(fd, buffer.data(), static_cast<std::size_t>(n)) == n,
        "the server's write");
  return true;
}

/// Each serves `fds` until all of them are closed by the client.
using Server = void (*)(std::vector<UniqueFd>& fds);

void raw_server(std::vector<UniqueFd>& fds) {
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  for (const UniqueFd& fd : fds) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd.get();
    ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd.get(), &event);
  }
  std::array<epoll_event, 256> events;
  for (std::size_t left = fds.size(); left > 0;) {
    const int n = ::epoll_wait(epoll.get(), events.data(), 256, -1);
    for (int i = 0; i < n; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (echo_once(fd)) continue;
      ::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, fd, nullptr);
      --left;
    }
  }
}

void tornado_server(std::vector<UniqueFd>& fds) {
  IOLoop loop;
  std::size_t left = fds.size();
  for (const UniqueFd& one : fds) {
    const auto handler = [&](NativeFd fd, Events) {
      if (echo_once(fd)) return;
      loop.remove_handler(fd);
      if (--left == 0) loop.stop();
    };
    loop.add_handler(one.get(), handler, Events::read);
  }
  loop.start();
}

#if BENCH_LIBUV
struct UvConnection {
  uv_tcp_t tcp;
  std::array<char, most_bytes> buffer;
};

void uv_echo(uv_stream_t* stream, ssize_t n, const uv_buf_t* buffer) {
  if (n == 0) return;
  if (n < 0) {
    ::uv_close(reinterpret_cast<uv_handle_t*>(stream), nullptr);
    return;
  }
  const uv_buf_t answer = ::uv_buf_init(buffer->base, static_cast<unsigned>(n));
  check(::uv_try_write(stream, &answer, 1) == n, "the server's write");
}

void uv_server(std::vector<UniqueFd>& fds) {
  uv_loop_t loop;
  ::uv_loop_init(&loop);
  std::vector<std::unique_ptr<UvConnection>> connections;
  for (UniqueFd& fd : fds) {
    connections.push_back(std::make_unique<UvConnection>());
    uv_tcp_t* tcp = &connections.back()->tcp;
    ::uv_tcp_init(&loop, tcp);
    ::uv_tcp_open(tcp, fd.release());
    const auto give_buffer = [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
      auto* it = reinterpret_cast<UvConnection*>(handle);
      *buffer = ::uv_buf_init(it->buffer.data(), most_bytes);
    };
    ::uv_read_start(reinterpret_cast<uv_stream_t*>(tcp), give_buffer, &uv_echo);
  }
  ::uv_run(&loop, UV_RUN_DEFAULT);
  ::uv_loop_close(&loop);
}
#endif

#if BENCH_LIBEVENT
void event_server(std::vector<UniqueFd>& fds) {
  event_base* base = ::event_base_new();
  std::vector<event*> events;
  for (const UniqueFd& fd : fds) {
    events.push_back(::event_new(
        base, fd.get(), EV_READ | EV_PERSIST,
        [](evutil_socket_t socket, short, void* self) {
          if (!echo_once(socket)) ::event_del(static_cast<event*>(self));
        },
        ::event_self_cbarg()));
    ::event_add(events.back(), nullptr);
  }
  ::event_base_dispatch(base);
  for (event* one : events) ::event_free(one);
  ::event_base_free(base);
}

void bufferevent_server(std::vector<UniqueFd>& fds) {
  event_base* base = ::event_base_new();
  for (UniqueFd& fd : fds) {
    bufferevent* buffer =
        ::bufferevent_socket_new(base, fd.release(), BEV_OPT_CLOSE_ON_FREE);
    const auto echo = [](bufferevent* it, void*) {
      ::bufferevent_write_buffer(it, ::bufferevent_get_input(it));
    };
    const auto end = [](bufferevent* it, short, void*) { ::bufferevent_free(it); };
    ::bufferevent_setcb(buffer, echo, nullptr, end, nullptr);
    ::bufferevent_enable(buffer, EV_READ | EV_WRITE);
  }
  ::event_base_dispatch(base);
  ::event_base_free(base);
}
#endif

#if BENCH_LIBEV
void ev_server(std::vector<UniqueFd>& fds) {
  struct ev_loop* loop = ::ev_loop_new(EVBACKEND_EPOLL);
  std::vector<ev_io> watchers(fds.size());
  for (std::size_t i = 0; i < fds.size(); ++i) {
    ev_io_init(
        &watchers[i],
        [](struct ev_loop* self, ev_io* io, int) {
          if (!echo_once(io->fd)) ::ev_io_stop(self, io);
        },
        fds[i].get(), libev_read);
    ::ev_io_start(loop, &watchers[i]);
  }
  ::ev_run(loop, 0);
  ::ev_loop_destroy(loop);
}
#endif

#if BENCH_ASIO
struct AsioConnection {
  asio::ip::tcp::socket socket;
  std::array<char, most_bytes> buffer;

  void read() {
    socket.async_read_some(asio::buffer(buffer),
                           [this](const asio::error_code& error, std::size_t n) {
                             if (!error) write(n);
                           });
  }
  void write(std::size_t n) {
    asio::async_write(socket, asio::buffer(buffer, n),
                      [this](const asio::error_code& error, std::size_t) {
                        if (!error) read();
                      });
  }
};

void asio_server(std::vector<UniqueFd>& fds) {
  asio::io_context context(1);
  std::vector<std::unique_ptr<AsioConnection>> connections;
  for (UniqueFd& fd : fds) {
    connections.emplace_back(
        new AsioConnection{{context, asio::ip::tcp::v4(), fd.release()}, {}});
    connections.back()->read();
  }
  context.run();
}
#endif

void echo(Round& round, Server server, std::size_t connections, std::size_t usual) {
  measure_echo<PlainSocket>(round, round.times(usual), connections, message_size,
                            server);
}

Contest contest(std::size_t connections, std::size_t messages) {
  const auto with = [=](Server server) {
    return [=](Round& round) { echo(round, server, connections, messages); };
  };
  return {"echo, " + std::to_string(connections) + " connections",
          {{"rate", "thousands per second", Better::higher},
           {"cpu", "ns of the server's processor per message"}},
          {
              {"tornado", Role::ours, with(&tornado_server)},
              {"epoll", Role::floor, with(&raw_server)},
#if BENCH_LIBUV
              {"libuv, tcp", Role::peer, with(&uv_server)},
#endif
#if BENCH_LIBEVENT
              {"libevent, event", Role::peer, with(&event_server)},
              {"libevent, bufferevent", Role::peer, with(&bufferevent_server)},
#endif
#if BENCH_LIBEV
              {"libev", Role::peer, with(&ev_server)},
#endif
#if BENCH_ASIO
              {"asio, tcp", Role::peer, with(&asio_server)},
#endif
          },
          "message"};
}

}  // namespace
}  // namespace tornado::bench

int main(int argc, char** argv) {
  using namespace tornado::bench;
  return compete({"echo",
                  "Messages of 64 bytes, one under way on each connection; the client, "
                  "in a process on another core where there is one, is the same for "
                  "all.",
                  {contest(64, 60000)}},
                 argc, argv);
}
