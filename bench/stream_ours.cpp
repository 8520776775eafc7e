// SPDX-License-Identifier: Apache-2.0
// The servers of this library, and the bare system calls.

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

#include "stream_servers.h"
#include "tornado/tornado.h"

namespace tornado::bench {
namespace {

std::array<char, 64 << 10> room;

void watch_input(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/// Calls `on_input(fd)` until it returns false.
template <class F>
void poll_input(int epoll, F on_input) {
  std::array<epoll_event, 256> events;
  for (;;) {
    const int n = ::epoll_wait(epoll, events.data(), 256, -1);
    for (int i = 0; i < n; ++i) {
      if (!on_input(events[static_cast<std::size_t>(i)].data.fd)) return;
    }
  }
}

/// Sends back what is there. False at the end of the connection.
bool echo_once(int fd) {
  const auto n = ::recv(fd, room.data(), room.size(), 0);
  if (n <= 0) return n != 0 && errno == EAGAIN;
  check(::send(fd, room.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL) == n,
        "the server's write");
  return true;
}

void raw_echo(std::vector<UniqueFd>& fds, std::size_t) {
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  for (const UniqueFd& fd : fds) watch_input(epoll.get(), fd.get());
  std::size_t left = fds.size();
  poll_input(epoll.get(), [&](int fd) {
    if (echo_once(fd)) return true;
    ::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, fd, nullptr);
    return --left > 0;
  });
}

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    check(n > 0 || errno == EAGAIN, "the server's write");
    if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
    pollfd until_writable{fd, POLLOUT, 0};
    if (!bytes.empty()) ::poll(&until_writable, 1, -1);
  }
}

/// What arrives, with the beginning of a line that has no end yet.
void raw_lines(UniqueFd fd) {
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  watch_input(epoll.get(), fd.get());
  std::size_t there = 0;
  std::array<char, sizeof room> out;
  poll_input(epoll.get(), [&](int socket) {
    const auto n = ::recv(socket, room.data() + there, room.size() - there, 0);
    if (n <= 0) return n != 0 && errno == EAGAIN;
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

void raw_accept(UniqueFd listener, std::size_t n) {
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  watch_input(epoll.get(), listener.get());
  poll_input(epoll.get(), [&](int fd) {
    if (fd != listener.get()) {
      if (!echo_once(fd)) check(false, "no byte");
      ::close(fd);
      return --n > 0;
    }
    int connection = 0;
    while ((connection = ::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK)) >= 0) {
      watch_input(epoll.get(), connection);
    }
    return true;
  });
}

/// A task for each connection.
template <class F>
void run_tasks(std::vector<UniqueFd>& fds, F serve) {
  IOLoop loop;
  const auto serve_all = [](std::vector<UniqueFd>& all, F each) -> Task<> {
    TaskGroup connections;
    for (UniqueFd& fd : all) connections.start(each(IOStream(std::move(fd))));
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
void task_echo(std::vector<UniqueFd>& fds, std::size_t) {
  run_tasks(fds, &echo_task);
}

template <class F>
void run_task(UniqueFd fd, F serve) {
  std::vector<UniqueFd> one;
  one.push_back(std::move(fd));
  run_tasks(one, serve);
}

Task<> view_task(IOStream stream) {
  try {
    for (;;) co_await stream.write(co_await stream.read_until_view("\n"));
  } catch (const StreamClosedError&) {
  }
}
void task_lines(UniqueFd fd) {
  run_task(std::move(fd), &view_task);
}

Task<> string_task(IOStream stream) {
  try {
    for (;;) co_await stream.write(co_await stream.read_until("\n"));
  } catch (const StreamClosedError&) {
  }
}
void task_line_strings(UniqueFd fd) {
  run_task(std::move(fd), &string_task);
}

void task_accept(UniqueFd listener, std::size_t n) {
  IOLoop loop;
  TCPServer server([&](IOStream stream, SocketAddress) -> Task<> {
    stream.write(co_await stream.read_some_view(1));
    stream.close();
    if (--n == 0) loop.stop();
  });
  server.add_socket(std::move(listener));
  loop.start();
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
  return {{"tornado, tasks", Role::ours, &task_echo, &task_lines, &task_accept, 1,
           &task_line_strings},
          {"tornado, callbacks", Role::ours, &callback_echo, &callback_lines,
           &callback_accept},
          {"epoll", Role::floor, &raw_echo, &raw_lines, &raw_accept}};
}

}  // namespace tornado::bench
