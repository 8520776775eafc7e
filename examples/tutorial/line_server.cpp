// SPDX-License-Identifier: Apache-2.0
#include "line_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <iostream>
#include <system_error>
#include <utility>

using tornado::Events;
using tornado::NativeFd;
using tornado::Registration;
using tornado::UniqueFd;

namespace {

void check(int result, const char* act) {
  if (result == -1) throw std::system_error(errno, std::generic_category(), act);
}

UniqueFd listen_on_loopback() {
  UniqueFd listener = tornado::make_socket(AF_INET, SOCK_STREAM);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);  // port 0: the system chooses
  check(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address),
        "bind");
  check(listen(listener.get(), SOMAXCONN), "listen");
  return listener;
}

}  // namespace

// [listen]
LineServer::LineServer(tornado::IOLoop& loop, OnLine on_line)
    : loop_(loop), on_line_(std::move(on_line)), listener_(listen_on_loopback()) {
  accepting_ = Registration(
      loop_, listener_.get(), [this](NativeFd, Events) { accept_some(); },
      Events::read);
}

void LineServer::accept_some() try {
  while (UniqueFd socket = tornado::accept_socket(listener_.get())) {
    add(std::move(socket));
  }
} catch (const std::system_error& error) {  // no descriptor is left, for example
  std::cerr << error.what() << "; no more clients" << std::endl;
  stop_accepting();
}

void LineServer::add(UniqueFd socket) {
  const Client client = ++last_client_;
  Registration serving(
      loop_, socket.get(), [this, client](NativeFd, Events) { serve(client); },
      Events::read);
  connections_[client] = {std::move(socket), std::move(serving), {}, {}};
}
// [listen]

std::uint16_t LineServer::port() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  check(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size),
        "getsockname");
  return ntohs(address.sin_port);
}

void LineServer::stop_accepting() {
  accepting_.reset();
  listener_.reset();
}

// [serve]
void LineServer::serve(Client client) {
  if (receive(client)) return;
  connections_.erase(client);
}

// False when the client has left.
bool LineServer::receive(Client client) {
  Connection& connection = connections_.at(client);
  if (!flush(connection)) return false;
  std::array<char, 4096> buffer;
  const ssize_t n = recv(connection.socket.get(), buffer.data(), buffer.size(), 0);
  if (n == 0) return false;
  if (n < 0 && errno != EAGAIN && errno != EINTR) return false;
  if (n > 0) connection.received.append(buffer.data(), static_cast<std::size_t>(n));
  for (;;) {
    const std::size_t end = connection.received.find('\n');
    if (end == std::string::npos) break;
    const std::string line = connection.received.substr(0, end);
    connection.received.erase(0, end + 1);
    on_line_(client, line);
  }
  return connection.received.size() < 65536;
}

void LineServer::send(Client client, const std::string& line) {
  const auto found = connections_.find(client);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  connection.unsent += line + '\n';
  flush(connection);  // after a failure the next read reports the end
}
// [serve]

bool LineServer::flush(Connection& connection) {
  std::string& unsent = connection.unsent;
  if (unsent.empty()) return true;
  const ssize_t n =
      ::send(connection.socket.get(), unsent.data(), unsent.size(), MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN && errno != EINTR) return false;
  if (n > 0) unsent.erase(0, static_cast<std::size_t>(n));
  connection.serving.update(unsent.empty() ? Events::read
                                           : Events::read | Events::write);
  return true;
}
