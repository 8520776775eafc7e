// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "platform/fd.h"
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
  return {address.sin_addr.s_addr, address.sin_port};
}

}  // namespace

// Without SO_REUSEADDR and SO_REUSEPORT no other socket can bind to the same port.
UniqueFd listen_on_loopback() {
  UniqueFd listener = make_tcp_socket();
  const sockaddr_in any_port = to_system({htonl(INADDR_LOOPBACK), 0});
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&any_port),
             sizeof any_port) == -1) {
    throw_errno("bind 127.0.0.1");
  }
  if (::listen(listener.get(), 16) == -1) throw_errno("listen 127.0.0.1");
  return listener;
}

UniqueFd make_tcp_socket() {
  return make_system_socket(AF_INET, SOCK_STREAM, 0);
}

void begin_to_connect(NativeFd fd, const TcpAddress& server) {
  const sockaddr_in address = to_system(server);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
          -1 &&
      errno != EINPROGRESS && errno != EINTR) {
    throw_errno(act_on("connect 127.0.0.1", fd));
  }
}

TcpAddress own_address(NativeFd fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == -1) {
    throw_errno(act_on("getsockname", fd));
  }
  return from_system(address);
}

std::optional<TcpAddress> peer_address(NativeFd fd) noexcept {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) == -1) return {};
  return from_system(address);
}

bool wait_for_tcp(NativeFd fd, Readiness readiness, std::chrono::milliseconds limit) {
  const short events = readiness == Readiness::accept ? POLLIN : POLLOUT;
  pollfd one{fd, events, 0};
  const int n = ::poll(&one, 1, static_cast<int>(limit.count()));
  if (n == -1 && errno != EINTR) throw_errno(act_on("poll", fd));
  return n > 0;
}

void send_at_once(NativeFd fd) {
  const int on = 1;
  if (::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == -1) {
    throw_errno(act_on("TCP_NODELAY", fd));
  }
}

}  // namespace tornado
