// SPDX-License-Identifier: Apache-2.0
// The servers of this library, and the bare system calls.

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "stream_load.h"
#include "stream_servers.h"
#include "tornado/tornado.h"

#if BENCH_TLS
#include "tls_socket.h"
#include "tornado/tls.h"
#endif

namespace tornado::bench {
namespace {

std::array<char, 64 << 10> room;

/// Calls `on_input(data)` until it returns false.
template <class F>
void poll_input(int epoll, F on_input) {
  std::array<epoll_event, 256> events;
  for (;;) {
    const int n = ::epoll_wait(epoll, events.data(), 256, -1);
    for (int i = 0; i < n; ++i) {
      if (!on_input(events[static_cast<std::size_t>(i)].data.u64)) return;
    }
  }
}

/// Sends back what is there: the number of bytes, as of read().
template <class Socket>
ssize_t echo_once(Socket& socket) {
  const auto n = socket.read(room.data(), room.size());
  if (n <= 0) return n;
  check(socket.write(room.data(), static_cast<std::size_t>(n)) == n,
        "the server's write");
  return n;
}

template <class Socket>
void raw_echo(std::vector<UniqueFd>& fds, std::size_t) {
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  std::vector<Socket> sockets;
  for (UniqueFd& fd : fds) {
    watch_input(epoll.get(), fd.get(), sockets.size());
    sockets.emplace_back(std::move(fd), End::server);
  }
  std::size_t left = sockets.size();
  poll_input(epoll.get(), [&](std::size_t i) {
    if (echo_once(sockets[i]) != 0) return true;
    sockets[i] = {};
    return --left > 0;
  });
}

template <class Socket>
void send_all(Socket& socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = socket.write(bytes.data(), bytes.size());
    if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
    if (!bytes.empty()) wait_for(socket.fd(), POLLOUT);
  }
}

/// What arrives, with the beginning of a line that has no end yet.
template <class Socket>
void raw_lines(UniqueFd fd) {
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  Socket socket(std::move(fd), End::server);
  watch_input(epoll.get(), socket.fd(), 0);
  std::size_t there = 0;
  std::array<char, sizeof room> out;
  poll_input(epoll.get(), [&](std::size_t) {
    const auto n = socket.read(room.data() + there, room.size() - there);
    if (n <= 0) return n != 0;
    there += static_cast<std::size_t>(n);
    const char* line = room.data();
    const char* const end = line + there;
    std::size_t written = 0;
    const auto find_end = [&] {
      return static_cast<const char*>(
          std::memchr(line, '\n', static_cast<std::size_t>(end - line)));
    };
    while (const char* const last = find_end()) {
      const auto size = static_cast<std::size_t>(last + 1 - line);
      std::memcpy(out.data() + written, line, size);
      written += size;
      line = last + 1;
    }
    there = static_cast<std::size_t>(end - line);
    std::memmove(room.data(), line, there);
    send_all(socket, {out.data(), written});
    return true;
  });
}

template <class Socket>
void raw_accept(UniqueFd listener, std::size_t n) {
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  const auto of_listener = static_cast<std::size_t>(listener.get());
  watch_input(epoll.get(), listener.get(), of_listener);
  std::vector<Socket> sockets;  // by descriptor
  poll_input(epoll.get(), [&](std::size_t which) {
    if (which != of_listener) {
      const auto echoed = echo_once(sockets[which]);
      check(echoed != 0, "no byte");
      if (echoed < 0) return true;
      sockets[which].end_output();
      sockets[which] = {};
      return --n > 0;
    }
    int fd = 0;
    while ((fd = ::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK)) >= 0) {
      const auto number = static_cast<std::size_t>(fd);
      if (number >= sockets.size()) sockets.resize(number + 1);
      sockets[number] = Socket(UniqueFd(fd), End::server);
      watch_input(epoll.get(), fd, number);
    }
    return true;
  });
}

template <class Socket>
StreamServer raw_server() {
  return {"epoll", Role::floor, &raw_echo<Socket>, &raw_lines<Socket>,
          &raw_accept<Socket>};
}

/// How sockets become streams, and how a server makes them.
struct Plain {
  static IOStream open(UniqueFd fd) { return IOStream(std::move(fd)); }
  template <class F>
  static TCPServer::Handler handler(F serve) {
    return serve;
  }
};

#if BENCH_TLS
struct OverTLS {
  static SSLContext& context() {
    static SSLContext made = SSLContext::for_server(
        {.certificate_file = certificate_file(), .min_version = TLSVersion::tls1_3});
    return made;
  }
  static IOStream open(UniqueFd fd) { return SSLIOStream(std::move(fd), context()); }
  template <class F>
  static TCPServer::Handler handler(F serve) {
    return with_tls(context(), std::move(serve));
  }
};
#endif

/// A task for each connection.
template <class Kind, class F>
void run_tasks(std::vector<UniqueFd>& fds, F serve) {
  IOLoop loop;
  const auto serve_all = [](std::vector<UniqueFd>& all, F each) -> Task<> {
    TaskGroup connections;
    for (UniqueFd& fd : all) connections.start(each(Kind::open(std::move(fd))));
    co_await connections.join();
  };
  loop.run_sync(serve_all(fds, serve));
}

Task<> echo_task(IOStream stream) {
  try {
    for (;;) co_await stream.write(co_await stream.read_some_view());
  } catch (const StreamClosedError&) {
  }
}
template <class Kind>
void task_echo(std::vector<UniqueFd>& fds, std::size_t) {
  run_tasks<Kind>(fds, &echo_task);
}

template <class Kind, class F>
void run_task(UniqueFd fd, F serve) {
  std::vector<UniqueFd> one;
  one.push_back(std::move(fd));
  run_tasks<Kind>(one, serve);
}

Task<> view_task(IOStream stream) {
  try {
    for (;;) co_await stream.write(co_await stream.read_until_view("\n"));
  } catch (const StreamClosedError&) {
  }
}
template <class Kind>
void task_lines(UniqueFd fd) {
  run_task<Kind>(std::move(fd), &view_task);
}

Task<> string_task(IOStream stream) {
  try {
    for (;;) co_await stream.write(co_await stream.read_until("\n"));
  } catch (const StreamClosedError&) {
  }
}
template <class Kind>
void task_line_strings(UniqueFd fd) {
  run_task<Kind>(std::move(fd), &string_task);
}

template <class Kind>
void task_accept(UniqueFd listener, std::size_t n) {
  IOLoop loop;
  TCPServer server(Kind::handler([&](IOStream stream, SocketAddress) -> Task<> {
    stream.write(co_await stream.read_some_view(1));
    stream.close();
    if (--n == 0) loop.stop();
  }));
  server.add_socket(std::move(listener));
  loop.start();
}

template <class Kind>
StreamServer task_server() {
  return {"tornado, tasks",   Role::ours, &task_echo<Kind>,        &task_lines<Kind>,
          &task_accept<Kind>, 1,          &task_line_strings<Kind>};
}

/// The same without tasks. Each connection ends with its stream.
struct CallbackConnection {
  CallbackConnection(UniqueFd fd, IOLoop& on, std::size_t& open)
      : stream(std::move(fd), on), loop(on), left(open) {}

  void echo() {
    stream.read_some_view().call([this](Result<std::string_view> got) {
      if (!got) return end();
      stream.write(got.get()).call([this](Result<void>) { once ? end() : echo(); });
    });
  }
  void lines() {
    stream.read_until_view("\n").call([this](Result<std::string_view> got) {
      if (!got) return end();
      stream.write(got.get()).call([this](Result<void>) { lines(); });
    });
  }
  void end() {
    if (--left == 0) loop.stop();
    delete this;
  }

  IOStream stream;
  IOLoop& loop;
  std::size_t& left;
  bool once = false;
};

void callback_echo(std::vector<UniqueFd>& fds, std::size_t) {
  IOLoop loop;
  std::size_t left = fds.size();
  for (UniqueFd& fd : fds) (new CallbackConnection(std::move(fd), loop, left))->echo();
  loop.start();
}

void callback_lines(UniqueFd fd) {
  IOLoop loop;
  std::size_t left = 1;
  (new CallbackConnection(std::move(fd), loop, left))->lines();
  loop.start();
}

void callback_accept(UniqueFd listener, std::size_t n) {
  IOLoop loop;
  const Acceptor acceptor(loop, listener.get(), [&](UniqueFd fd, SocketAddress) {
    auto* const connection = new CallbackConnection(std::move(fd), loop, n);
    connection->once = true;
    connection->echo();
  });
  loop.start();
}

}  // namespace

std::vector<StreamServer> our_stream_servers() {
  return {task_server<Plain>(),
          {"tornado, callbacks", Role::ours, &callback_echo, &callback_lines,
           &callback_accept},
          raw_server<PlainSocket>()};
}

#if BENCH_TLS
std::vector<StreamServer> our_tls_servers() {
  return {task_server<OverTLS>(), raw_server<TLSSocket>()};
}
#endif

}  // namespace tornado::bench
