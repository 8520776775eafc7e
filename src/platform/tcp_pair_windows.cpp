// SPDX-License-Identifier: Apache-2.0
#include "platform/error_windows.h"
#include "platform/fd.h"
#include "platform/handle_windows.h"
#include "platform/system_error.h"
#include "platform/tcp_pair.h"

namespace tornado {
namespace {

sockaddr_in to_system(const TcpAddress& address) noexcept {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_addr.s_addr = address.host;
  result.sin_port = address.port;
  return result;
}

TcpAddress from_system(const sockaddr_in& address) noexcept {
  return {static_cast<std::uint32_t>(address.sin_addr.s_addr), address.sin_port};
}

void set_option(NativeFd fd, int level, int option, const char* name) {
  const BOOL on = TRUE;
  if (::setsockopt(fd, level, option, reinterpret_cast<const char*>(&on), sizeof on) !=
      0) {
    throw_windows_error(act_on(name, fd));
  }
}

void bind_to_loopback(NativeFd fd) {
  const sockaddr_in any_port = to_system({htonl(INADDR_LOOPBACK), 0});
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&any_port), sizeof any_port) != 0) {
    throw_windows_error("bind 127.0.0.1");
  }
}

}  // namespace

// Without SO_EXCLUSIVEADDRUSE another process could bind to the same port by
// SO_REUSEADDR.
UniqueFd listen_on_loopback() {
  UniqueFd listener = make_tcp_socket();
  set_option(listener.get(), SOL_SOCKET, SO_EXCLUSIVEADDRUSE, "SO_EXCLUSIVEADDRUSE");
  bind_to_loopback(listener.get());
  if (::listen(listener.get(), 16) != 0) throw_windows_error("listen 127.0.0.1");
  return listener;
}

UniqueFd make_tcp_socket() {
  return make_system_socket(AF_INET, SOCK_STREAM, 0);
}

// A connect alone names the socket when it is done, and not before.
void begin_to_connect(NativeFd fd, const TcpAddress& server) {
  bind_to_loopback(fd);
  const sockaddr_in address = to_system(server);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      ::WSAGetLastError() != WSAEWOULDBLOCK) {
    throw_windows_error(act_on("connect 127.0.0.1", fd));
  }
}

TcpAddress own_address(NativeFd fd) {
  sockaddr_in address{};
  int size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw_windows_error(act_on("getsockname", fd));
  }
  return from_system(address);
}

std::optional<TcpAddress> peer_address(NativeFd fd) noexcept {
  sockaddr_in address{};
  int size = sizeof address;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return from_system(address);
}

// By select: WSAPoll does not tell of a connection that was refused, before Windows 10
// version 2004.
bool wait_for_tcp(NativeFd fd, Readiness readiness, std::chrono::milliseconds limit) {
  fd_set waited;
  fd_set failed;
  FD_ZERO(&waited);
  FD_ZERO(&failed);
  FD_SET(fd, &waited);
  FD_SET(fd, &failed);
  timeval time{static_cast<long>(limit.count() / 1000),
               static_cast<long>(limit.count() % 1000 * 1000)};
  const bool read = readiness == Readiness::accept;
  const int n =
      ::select(0, read ? &waited : nullptr, read ? nullptr : &waited, &failed, &time);
  if (n == SOCKET_ERROR) throw_windows_error(act_on("select", fd));
  return n > 0;
}

void send_at_once(NativeFd fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY");
}

}  // namespace tornado
