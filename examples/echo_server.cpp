// SPDX-License-Identifier: Apache-2.0
// echo_server [PORT]: sends back what it is sent, on loopback. Port 0, the default,
// lets the system choose. SIGINT and SIGTERM end it.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <tornado/tornado.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <system_error>

namespace {

using namespace std::chrono_literals;
using tornado::Events;
using tornado::IOLoop;
using tornado::NativeFd;
using tornado::Registration;
using tornado::Timeout;
using tornado::UniqueFd;

void check(int result, const char* act) {
  if (result == -1) throw std::system_error(errno, std::generic_category(), act);
}

UniqueFd listen_on_loopback(std::uint16_t port) {
  UniqueFd listener = tornado::make_socket(AF_INET, SOCK_STREAM);
  const int on = 1;
  check(setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on),
        "SO_REUSEADDR");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  check(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address),
        "bind");
  check(listen(listener.get(), SOMAXCONN), "listen");
  return listener;
}

std::uint16_t port_of(NativeFd fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  check(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  return ntohs(address.sin_port);
}

class EchoServer {
 public:
  EchoServer(IOLoop& loop, std::uint16_t port)
      : loop_(loop), listener_(listen_on_loopback(port)) {
    accepting_ = Registration(
        loop_, listener_.get(), [this](NativeFd, Events) { accept_some(); },
        Events::read);
  }
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

  std::uint16_t port() const { return port_of(listener_.get()); }
  std::size_t clients() const { return clients_; }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Connection {
    UniqueFd socket;
    Registration serving;  // destroyed before the socket
    std::string unsent;
  };

  // Not for ever, so that a flood of new clients does not starve the old ones.
  void accept_some() {
    try {
      for (int i = 0; i < 64; ++i) {
        UniqueFd socket = tornado::accept_socket(listener_.get());
        if (!socket) return;
        add(std::move(socket));
      }
    } catch (const std::system_error& error) {
      pause(error);
    }
  }

  // Out of descriptors (EMFILE), say. The client still waits, so the listener stays
  // readable, and without a pause this would be a busy loop.
  void pause(const std::system_error& error) {
    std::cerr << error.what() << "; accepting again in 100 ms" << std::endl;
    accepting_.update(Events::none);
    resume_ = Timeout(loop_, 100ms, [this] { accepting_.update(Events::read); });
  }

  void add(UniqueFd socket) {
    const NativeFd fd = socket.get();
    Registration serving(
        loop_, fd, [this](NativeFd ready, Events) { serve(ready); }, Events::read);
    connections_[fd] = {std::move(socket), std::move(serving), {}};
    ++clients_;
  }

  // Who does not read the answers is not read from either: nothing piles up here.
  void serve(NativeFd fd) {
    Connection& connection = connections_.at(fd);
    if (!flush(connection) || (connection.unsent.empty() && !receive(connection))) {
      connections_.erase(fd);
      return;
    }
    connection.serving.update(connection.unsent.empty() ? Events::read : Events::write);
  }

  // False: the client has finished, or is gone.
  bool receive(Connection& connection) {
    std::array<char, 16384> buffer;
    const ssize_t n = recv(connection.socket.get(), buffer.data(), buffer.size(), 0);
    if (n == 0) return false;
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    bytes_ += static_cast<std::size_t>(n);
    connection.unsent.assign(buffer.data(), static_cast<std::size_t>(n));
    return flush(connection);
  }

  // False: the client is gone.
  static bool flush(Connection& connection) {
    std::string& unsent = connection.unsent;
    if (unsent.empty()) return true;
    const ssize_t n =
        send(connection.socket.get(), unsent.data(), unsent.size(), MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    unsent.erase(0, static_cast<std::size_t>(n));
    return true;
  }

  IOLoop& loop_;
  UniqueFd listener_;
  Registration accepting_;
  std::map<NativeFd, Connection> connections_;
  Timeout resume_;
  std::size_t clients_ = 0;
  std::size_t bytes_ = 0;
};

std::uint16_t parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (ec != std::errc() || end != text.data() + text.size()) {
    throw std::invalid_argument("not a port: " + std::string(text));
  }
  return port;
}

}  // namespace

int main(int argc, char** argv) try {
  IOLoop loop;
  for (const int signal : {SIGINT, SIGTERM}) {
    loop.add_signal_handler(signal, [&loop](int) { loop.stop(); });
  }
  EchoServer server(loop, argc > 1 ? parse_port(argv[1]) : std::uint16_t{0});
  std::cout << "listening on 127.0.0.1:" << server.port() << std::endl;
  loop.start();
  std::cout << "echoed " << server.bytes() << " bytes for " << server.clients()
            << " clients" << std::endl;
} catch (const std::exception& error) {
  std::cerr << "echo_server: " << error.what() << std::endl;
  return 1;
}
