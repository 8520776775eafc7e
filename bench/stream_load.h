// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Clients of servers over loopback TCP, the same for each contestant. They speak
/// through a PlainSocket, or through a TLSSocket (tls_socket.h).

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
#include <cstdint>
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

enum class End { client, server };

/// One end of a connection, for clients and for the floor.
class PlainSocket {
 public:
  PlainSocket() = default;
  PlainSocket(UniqueFd fd, End) : fd_(std::move(fd)) {}

  [[nodiscard]] int fd() const { return fd_.get(); }
  /// Goes on with what precedes the first byte. False while it takes longer.
  bool connected() { return true; }
  /// The number of bytes that are there; 0 at the end, and -1 for none now.
  ssize_t read(char* to, std::size_t size) {
    const auto n = ::recv(fd(), to, size, 0);
    check(n >= 0 || errno == EAGAIN, "a read");
    return n;
  }
  /// The number of bytes that the kernel took, or -1.
  ssize_t write(const char* from, std::size_t size) {
    const auto n = ::send(fd(), from, size, MSG_NOSIGNAL);
    check(n > 0 || errno == EAGAIN, "a write");
    return n;
  }
  /// No byte follows.
  void end_output() {}

 private:
  UniqueFd fd_;
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
  template <class Socket>
  std::vector<Socket> open_clients() {
    servers.clear();
    std::vector<Socket> sockets;
    for (UniqueFd& fd : clients) sockets.emplace_back(std::move(fd), End::client);
    return sockets;
  }
  std::vector<UniqueFd>& servers_alone() {
    clients.clear();
    return servers;
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

/// Keeps one message under way on each connection.
template <class Socket>
class EchoClient {
 public:
  EchoClient(std::vector<Socket> sockets, std::size_t size)
      : sockets_(std::move(sockets)),
        received_(sockets_.size(), waits_to_connect),
        message_(size, 'x') {
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
      watch_input(epoll_.get(), sockets_[i].fd(), i);
    }
  }
  /// Connects, and exchanges a message on each connection, several at once.
  void begin() {
    while (begun_ < std::min(at_once, sockets_.size())) send_first(begun_++);
    receive_until(sockets_.size());
  }
  void run(std::size_t messages) {
    to_send_ = messages;
    for (std::size_t i = 0; i < sockets_.size(); ++i) send(i);
    receive_until(answered_ + messages);
  }

 private:
  static constexpr std::size_t at_once = 64;
  static constexpr std::size_t waits_to_connect = SIZE_MAX;

  // The first byte tells connections apart.
  static char mark(std::size_t i) { return static_cast<char>('a' + i % 26); }

  void receive_until(std::size_t all) {
    std::array<epoll_event, 256> events;
    while (answered_ < all) {
      const int n = ::epoll_wait(epoll_.get(), events.data(), 256, -1);
      for (int i = 0; i < n; ++i) {
        const std::size_t which = events[static_cast<std::size_t>(i)].data.u64;
        if (received_[which] == waits_to_connect) {
          send_first(which);
        } else {
          receive(which);
        }
      }
    }
  }
  void send_first(std::size_t i) {
    if (!sockets_[i].connected()) return;
    received_[i] = 0;
    to_send_ = 1;
    send(i);
  }
  void send(std::size_t i) {
    if (to_send_ == 0) return;
    --to_send_;
    message_[0] = mark(i);
    const auto size = static_cast<ssize_t>(message_.size());
    check(sockets_[i].write(message_.data(), message_.size()) == size,
          "the client's write");
  }
  void receive(std::size_t i) {
    const auto n = sockets_[i].read(buffer_.data(), buffer_.size());
    if (n == -1) return;
    check(n > 0 && (received_[i] > 0 || buffer_[0] == mark(i)), "another's echo");
    received_[i] += static_cast<std::size_t>(n);
    if (received_[i] < message_.size()) return;
    check(received_[i] == message_.size(), "more came back than was sent");
    received_[i] = 0;
    ++answered_;
    if (begun_ < sockets_.size()) {
      send_first(begun_++);
    } else {
      send(i);
    }
  }

  std::vector<Socket> sockets_;
  std::vector<std::size_t> received_;
  std::string message_;
  std::size_t begun_ = 0;
  std::size_t to_send_ = 0;
  std::size_t answered_ = 0;
  std::vector<char> buffer_ = std::vector<char>(64 << 10);
  UniqueFd epoll_{::epoll_create1(EPOLL_CLOEXEC)};
};

inline void wait_for(int fd, int events) {
  pollfd wait{fd, static_cast<short>(events), 0};
  ::poll(&wait, 1, -1);
}

/// Sends lines without waiting for their answers, which are the same lines.
template <class Socket>
void run_lines(Socket& socket, std::size_t lines, std::size_t size) {
  while (!socket.connected()) wait_for(socket.fd(), POLLIN);
  const std::size_t all = lines * size;
  std::string block;
  while (block.size() < 64 << 10) block += std::string(size - 1, 'x') + '\n';
  std::vector<char> buffer(256 << 10);
  for (std::size_t sent = 0, received = 0; received < all;) {
    const bool more = sent < all;
    wait_for(socket.fd(), more ? POLLIN | POLLOUT : POLLIN);
    if (more) {
      const std::size_t from = sent % block.size();
      const auto n =
          socket.write(block.data() + from, std::min(block.size() - from, all - sent));
      if (n > 0) sent += static_cast<std::size_t>(n);
    }
    const auto n = socket.read(buffer.data(), buffer.size());
    check(n != 0, "the client's read");
    if (n <= 0) continue;
    received += static_cast<std::size_t>(n);
    const bool at_end = received % size == 0;
    check((buffer[static_cast<std::size_t>(n) - 1] == '\n') == at_end, "another line");
  }
}

/// Connects, sends a byte, gets it back, reads the end, and begins again; several at
/// once.
template <class Socket>
class ConnectClient {
 public:
  ConnectClient(const Listening& server, std::size_t connections)
      : server_(server), left_(connections) {}
  void run() {
    each_.resize(std::min<std::size_t>(at_once, left_));
    std::size_t open = each_.size();
    for (std::size_t i = 0; i < each_.size(); ++i) begin(i);
    std::array<epoll_event, at_once> events;
    while (open > 0) {
      const int n = ::epoll_wait(epoll_.get(), events.data(), at_once, -1);
      for (int i = 0; i < n; ++i) {
        const std::size_t which = events[static_cast<std::size_t>(i)].data.u64;
        if (!ended(each_[which])) continue;
        each_[which] = {};
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

  struct Connection {
    Socket socket;
    bool sent = false;
  };

  void begin(std::size_t i) {
    --left_;
    each_[i].socket = Socket(server_.connect(), End::client);
    send(each_[i]);
    watch_input(epoll_.get(), each_[i].socket.fd(), i);
  }
  static void send(Connection& connection) {
    if (!connection.socket.connected()) return;
    check(connection.socket.write("x", 1) == 1, "the client's write");
    connection.sent = true;
  }
  static bool ended(Connection& connection) {
    if (!connection.sent) {
      send(connection);
      return false;
    }
    std::array<char, 2> buffer;
    ssize_t n = 0;
    while ((n = connection.socket.read(buffer.data(), buffer.size())) > 0) {
      check(n == 1, "the client's read");
    }
    return n == 0;  // it may have come with the byte
  }

  const Listening& server_;
  std::size_t left_;
  std::vector<Connection> each_;
  UniqueFd epoll_{::epoll_create1(EPOLL_CLOEXEC)};
};

}  // namespace tornado::bench
