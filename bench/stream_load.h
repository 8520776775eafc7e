// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Clients of servers over loopback TCP, the same for each contestant.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"
#include "tornado/fd.h"
#include "tornado/platform.h"

namespace tornado::bench {

inline void allow_many_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// A socket that listens on a port of its own.
class Listening {
 public:
  explicit Listening(std::size_t backlog) {
    auto* const name = reinterpret_cast<sockaddr*>(&address_);
    socklen_t size = sizeof address_;
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(::bind(socket.get(), name, size) == 0, "bind");
    check(::listen(socket.get(), static_cast<int>(backlog)) == 0, "listen");
    ::getsockname(socket.get(), name, &size);
  }
  [[nodiscard]] UniqueFd connect() const {
    UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto* name = reinterpret_cast<const sockaddr*>(&address_);
    check(::connect(client.get(), name, sizeof address_) == 0, "connect");
    return prepared(std::move(client));
  }
  static UniqueFd prepared(UniqueFd fd) {
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    set_nonblocking(fd.get());
    return fd;
  }

  UniqueFd socket = make_socket(AF_INET, SOCK_STREAM);

 private:
  sockaddr_in address_{};
};

/// Connected pairs of sockets.
struct Connections {
  explicit Connections(std::size_t n) {
    allow_many_descriptors();
    const Listening listener(n);
    for (std::size_t i = 0; i < n; ++i) {
      clients.push_back(listener.connect());
      servers.push_back(Listening::prepared(accept_socket(listener.socket.get())));
    }
  }
  std::vector<UniqueFd> servers;
  std::vector<UniqueFd> clients;
};

inline void watch_input(int epoll, int fd, std::size_t data) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = data;
  check(::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

/// Keeps one message under way on each connection, then closes them.
class EchoClient {
 public:
  EchoClient(std::vector<UniqueFd> fds, std::size_t messages, std::size_t size)
      : fds_(std::move(fds)),
        received_(fds_.size()),
        message_(size, 'x'),
        to_send_(messages) {
    for (std::size_t i = 0; i < fds_.size(); ++i) {
      watch_input(epoll_.get(), fds_[i].get(), i);
    }
  }
  /// `at_rest` is called when every answer is there, before the end.
  void run(const std::function<void()>& at_rest = {}) {
    const std::size_t all = to_send_;
    for (std::size_t i = 0; i < fds_.size(); ++i) send(i);
    std::array<epoll_event, 256> events;
    while (answered_ < all) {
      const int n = ::epoll_wait(epoll_.get(), events.data(), 256, -1);
      for (int i = 0; i < n; ++i) {
        receive(events[static_cast<std::size_t>(i)].data.u64);
      }
    }
    if (at_rest) at_rest();
    fds_.clear();
  }

 private:
  // The first byte tells connections apart.
  static char mark(std::size_t i) { return static_cast<char>('a' + i % 26); }

  void send(std::size_t i) {
    if (to_send_ == 0) return;
    --to_send_;
    message_[0] = mark(i);
    const auto size = static_cast<ssize_t>(message_.size());
    check(::write(fds_[i].get(), message_.data(), message_.size()) == size,
          "the client's write");
  }
  void receive(std::size_t i) {
    const auto n = ::read(fds_[i].get(), buffer_.data(), buffer_.size());
    check(n > 0 && (received_[i] > 0 || buffer_[0] == mark(i)), "another's echo");
    received_[i] += static_cast<std::size_t>(n);
    if (received_[i] < message_.size()) return;
    check(received_[i] == message_.size(), "more came back than was sent");
    received_[i] = 0;
    ++answered_;
    send(i);
  }

  std::vector<UniqueFd> fds_;
  std::vector<std::size_t> received_;
  std::string message_;
  std::size_t to_send_;
  std::size_t answered_ = 0;
  std::vector<char> buffer_ = std::vector<char>(64 << 10);
  UniqueFd epoll_{::epoll_create1(EPOLL_CLOEXEC)};
};

/// Sends lines without waiting for their answers, which are the same lines.
inline void run_lines(const UniqueFd& fd, std::size_t lines, std::size_t size) {
  const std::size_t all = lines * size;
  std::string block;
  while (block.size() < 64 << 10) block += std::string(size - 1, 'x') + '\n';
  std::vector<char> buffer(256 << 10);
  for (std::size_t sent = 0, received = 0; received < all;) {
    const bool more = sent < all;
    pollfd wait{fd.get(), static_cast<short>(more ? POLLIN | POLLOUT : POLLIN), 0};
    ::poll(&wait, 1, -1);
    if (more && (wait.revents & POLLOUT)) {
      const std::size_t from = sent % block.size();
      const auto n = ::write(fd.get(), block.data() + from,
                             std::min(block.size() - from, all - sent));
      check(n > 0 || errno == EAGAIN, "the client's write");
      if (n > 0) sent += static_cast<std::size_t>(n);
    }
    const auto n = ::read(fd.get(), buffer.data(), buffer.size());
    check(n > 0 || (n == -1 && errno == EAGAIN), "the client's read");
    if (n <= 0) continue;
    received += static_cast<std::size_t>(n);
    const bool at_end = received % size == 0;
    check((buffer[static_cast<std::size_t>(n) - 1] == '\n') == at_end, "another line");
  }
}

/// Connects, sends a byte, gets it back, reads the end, and begins again; several at
/// once.
class ConnectClient {
 public:
  ConnectClient(const Listening& server, std::size_t connections)
      : server_(server), left_(connections) {}
  void run() {
    fds_.resize(std::min<std::size_t>(at_once, left_));
    std::size_t open = fds_.size();
    for (std::size_t i = 0; i < fds_.size(); ++i) begin(i);
    std::array<epoll_event, at_once> events;
    while (open > 0) {
      const int n = ::epoll_wait(epoll_.get(), events.data(), at_once, -1);
      for (int i = 0; i < n; ++i) {
        const std::size_t which = events[static_cast<std::size_t>(i)].data.u64;
        if (!ended(which)) continue;
        fds_[which].reset();
        if (left_ > 0) {
          begin(which);
        } else {
          --open;
        }
      }
    }
  }

 private:
  static constexpr int at_once = 64;

  void begin(std::size_t i) {
    --left_;
    fds_[i] = server_.connect();
    check(::write(fds_[i].get(), "x", 1) == 1, "the client's write");
    watch_input(epoll_.get(), fds_[i].get(), i);
  }
  bool ended(std::size_t i) {
    std::array<char, 2> buffer;
    const auto n = ::read(fds_[i].get(), buffer.data(), buffer.size());
    check(n <= 1 && (n >= 0 || errno == EAGAIN), "the client's read");
    return n == 0;
  }

  const Listening& server_;
  std::size_t left_;
  std::vector<UniqueFd> fds_;
  UniqueFd epoll_{::epoll_create1(EPOLL_CLOEXEC)};
};

}  // namespace tornado::bench
