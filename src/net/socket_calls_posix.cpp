// SPDX-License-Identifier: Apache-2.0
#include <sys/uio.h>

#include <array>

#include "net/socket_calls.h"
#include "net/sockets.h"
#include "platform/system_error.h"

namespace tornado {
namespace {

#ifdef MSG_NOSIGNAL
constexpr int send_flags = MSG_NOSIGNAL;
#else
constexpr int send_flags = 0;  // refuse_sigpipe() has set it
#endif

Moved moved(ssize_t result) noexcept {
  if (result < 0) return {0, last_error()};
  return {static_cast<std::size_t>(result)};
}

std::error_code outcome(int result) noexcept {
  return result == -1 ? last_error() : std::error_code();
}

const sockaddr* native(const SocketAddress& address) noexcept {
  return static_cast<const sockaddr*>(address.data());
}

socklen_t native_size(const SocketAddress& address) noexcept {
  return static_cast<socklen_t>(address.size());
}

template <class Call>
SocketAddress name_by(Call call, const char* act, NativeFd socket, bool of_peer) {
  sockaddr_storage name{};
  if (SocketHooks* const hooks = hooks_of(socket)) {
    std::size_t room = sizeof name;
    const std::error_code error = hooks->name(socket, of_peer, &name, room);
    if (error) throw_error(error, act_on(act, socket));
    return SocketAddress::from_native(&name, room);
  }
  socklen_t size = sizeof name;
  if (call(socket, reinterpret_cast<sockaddr*>(&name), &size) == -1) {
    throw_socket_error(act, socket);
  }
  return SocketAddress::from_native(&name, size);
}

}  // namespace

std::error_code last_socket_error() noexcept {
  return last_error();
}

void throw_socket_error(std::string_view act, NativeFd fd) {
  throw_errno(act_on(act, fd));
}

Moved receive_bytes(NativeFd socket, std::span<std::byte> room) noexcept {
  if (SocketHooks* const hooks = hooks_of(socket)) {
    return hooks->receive(socket, room, nullptr);
  }
  return moved(
      retry_eintr([&] { return ::recv(socket, room.data(), room.size(), 0); }));
}

Moved send_pieces(NativeFd socket, std::span<const Bytes> pieces) noexcept {
  if (SocketHooks* const hooks = hooks_of(socket)) {
    return hooks->send(socket, pieces, {});
  }
  if (pieces.size() == 1) {
    const Bytes one = pieces.front();
    return moved(retry_eintr(
        [&] { return ::send(socket, one.data(), one.size(), send_flags); }));
  }
  std::array<iovec, most_pieces> vector;
  const std::size_t count = (std::min)(pieces.size(), most_pieces);
  for (std::size_t i = 0; i < count; ++i) {
    vector[i] = {const_cast<std::byte*>(pieces[i].data()), pieces[i].size()};
  }
  msghdr message{};
  message.msg_iov = vector.data();
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
  return moved(retry_eintr([&] { return ::sendmsg(socket, &message, send_flags); }));
}

// After EINTR the attempt goes on, and may not be repeated.
std::error_code begin_connect(NativeFd socket, const SocketAddress& to) noexcept {
  if (SocketHooks* const hooks = hooks_of(socket)) {
    return hooks->connect(socket, to.data(), to.size());
  }
  if (::connect(socket, native(to), native_size(to)) == 0) return {};
  if (errno == EINTR) return std::make_error_code(std::errc::operation_in_progress);
  return last_error();
}

std::error_code end_connect(NativeFd socket) noexcept {
  if (SocketHooks* const hooks = hooks_of(socket)) {
    return hooks->connect_result(socket);
  }
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == -1) {
    return last_error();
  }
  if (error != 0) return {error, std::system_category()};
  sockaddr_storage peer;
  size = sizeof peer;
  return outcome(::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size));
}

std::error_code stop_sending(NativeFd socket) noexcept {
  if (SocketHooks* const hooks = hooks_of(socket)) return hooks->stop_sending(socket);
  return outcome(::shutdown(socket, SHUT_WR));
}

void refuse_sigpipe([[maybe_unused]] NativeFd socket) noexcept {
#ifdef SO_NOSIGPIPE
  (void)set_option(socket, SOL_SOCKET, SO_NOSIGPIPE, 1);
#endif
}

std::error_code set_option(NativeFd socket, int level, int option,
                           Bytes value) noexcept {
  if (SocketHooks* const hooks = hooks_of(socket)) {
    return hooks->set_option(socket, level, option, value);
  }
  return outcome(::setsockopt(socket, level, option, value.data(),
                              static_cast<socklen_t>(value.size())));
}

std::error_code share_port(NativeFd socket) noexcept {
  return set_option(socket, SOL_SOCKET, SO_REUSEPORT, 1);
}

std::error_code bind_to(NativeFd socket, const SocketAddress& address) noexcept {
  if (SocketHooks* const hooks = hooks_of(socket)) {
    return hooks->bind(socket, address.data(), address.size());
  }
  return outcome(::bind(socket, native(address), native_size(address)));
}

std::error_code listen_on(NativeFd socket, int backlog) noexcept {
  if (SocketHooks* const hooks = hooks_of(socket))
    return hooks->listen(socket, backlog);
  return outcome(::listen(socket, backlog));
}

SocketAddress local_address(NativeFd socket) {
  return name_by(::getsockname, "getsockname", socket, false);
}

SocketAddress remote_address(NativeFd socket) {
  return name_by(::getpeername, "getpeername", socket, true);
}

}  // namespace tornado
