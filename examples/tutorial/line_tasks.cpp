// SPDX-License-Identifier: Apache-2.0
#include "line_tasks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

using tornado::NativeFd;
using tornado::Task;
using tornado::UniqueFd;

namespace {

void check(int result, const char* act) {
  if (result == -1) throw std::system_error(errno, std::generic_category(), act);
}

bool must_wait(ssize_t result, const char* act) {
  if (result >= 0 || errno == EINTR) return false;
  if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
  throw std::system_error(errno, std::generic_category(), act);
}

}  // namespace

UniqueFd listen_on_loopback() {
  UniqueFd listener = tornado::make_socket(AF_INET, SOCK_STREAM);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  check(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address),
        "bind");
  check(listen(listener.get(), SOMAXCONN), "listen");
  return listener;
}

std::uint16_t port_of(NativeFd listener) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  check(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size),
        "getsockname");
  return ntohs(address.sin_port);
}

// [lines]
tornado::AsyncGenerator<std::string> lines_of(NativeFd socket) {
  std::string received;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t n = recv(socket, buffer.data(), buffer.size(), 0);
    if (n == 0) co_return;
    if (must_wait(n, "recv")) co_await tornado::readable(socket);
    if (n > 0) received.append(buffer.data(), static_cast<std::size_t>(n));
    for (auto end = received.find('\n'); end != received.npos;
         end = received.find('\n')) {
      std::string line = received.substr(0, end);
      received.erase(0, end + 1);
      co_yield std::move(line);
    }
  }
}
// [lines]

// [send]
Task<> send_all(NativeFd socket, std::string text) {
  while (!text.empty()) {
    const ssize_t n = send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (must_wait(n, "send")) co_await tornado::writable(socket);
    if (n > 0) text.erase(0, static_cast<std::size_t>(n));
  }
}
// [send]
