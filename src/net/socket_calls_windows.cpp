// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <climits>

#include "net/socket_calls.h"
#include "net/sockets.h"
#include "platform/error_windows.h"
#include "platform/system_error.h"

namespace tornado {
namespace {

std::error_code outcome(int result) noexcept {
  return result == SOCKET_ERROR ? last_windows_error() : std::error_code();
}

const sockaddr* native(const SocketAddress& address) noexcept {
  return static_cast<const sockaddr*>(address.data());
}

int native_size(const SocketAddress& address) noexcept {
  return static_cast<int>(address.size());
}

ULONG as_length(std::size_t size) noexcept {
  return static_cast<ULONG>((std::min)(size, std::size_t{INT_MAX}));
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
  int size = sizeof name;
  if (call(socket, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    throw_socket_error(act, socket);
  }
  return SocketAddress::from_native(&name, static_cast<std::size_t>(size));
}

}  // namespace

std::error_code last_socket_error() noexcept {
  return last_windows_error();
}

void throw_socket_error(std::string_view act, NativeFd fd) {
  throw_windows_error(act_on(act, fd));
}

Moved receive_bytes(NativeFd socket, std::span<std::byte> room) noexcept {
  if (SocketHooks* const hooks = hooks_of(socket)) {
    return hooks->receive(socket, room, nullptr);
  }
  const int n = ::recv(socket, reinterpret_cast<char*>(room.data()),
                       static_cast<int>(as_length(room.size())), 0);
  if (n < 0) return {0, last_windows_error()};
  return {static_cast<std::size_t>(n)};
}

Moved send_pieces(NativeFd socket, std::span<const Bytes> pieces) noexcept {
  if (SocketHooks* const hooks = hooks_of(socket)) {
    return hooks->send(socket, pieces, {});
  }
  std::array<WSABUF, most_pieces> buffers;
  const std::size_t count = (std::min)(pieces.size(), most_pieces);
  for (std::size_t i = 0; i < count; ++i) {
    auto* const bytes = const_cast<std::byte*>(pieces[i].data());
    buffers[i] = {as_length(pieces[i].size()), reinterpret_cast<char*>(bytes)};
  }
  DWORD sent = 0;
  const int result = ::WSASend(socket, buffers.data(), static_cast<DWORD>(count), &sent,
                               0, nullptr, nullptr);
  if (result != 0) return {0, last_windows_error()};
  return {sent};
}

std::error_code begin_connect(NativeFd socket, const SocketAddress& to) noexcept {
  if (SocketHooks* const hooks = hooks_of(socket)) {
    return hooks->connect(socket, to.data(), to.size());
  }
  if (::connect(socket, native(to), native_size(to)) == 0) return {};
  if (::WSAGetLastError() != WSAEWOULDBLOCK) return last_windows_error();
  return std::make_error_code(std::errc::operation_in_progress);
}

std::error_code end_connect(NativeFd socket) noexcept {
  if (SocketHooks* const hooks = hooks_of(socket)) {
    return hooks->connect_result(socket);
  }
  int error = 0;
  int size = sizeof error;
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, reinterpret_cast<char*>(&error),
                   &size) != 0) {
    return last_windows_error();
  }
  if (error != 0) return {error, windows_category()};
  sockaddr_storage peer;
  size = sizeof peer;
  return outcome(::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size));
}

std::error_code stop_sending(NativeFd socket) noexcept {
  if (SocketHooks* const hooks = hooks_of(socket)) return hooks->stop_sending(socket);
  return outcome(::shutdown(socket, SD_SEND));
}

void refuse_sigpipe(NativeFd) noexcept {}

std::error_code set_option(NativeFd socket, int level, int option,
                           Bytes value) noexcept {
  if (SocketHooks* const hooks = hooks_of(socket)) {
    return hooks->set_option(socket, level, option, value);
  }
  return outcome(::setsockopt(socket, level, option,
                              reinterpret_cast<const char*>(value.data()),
                              static_cast<int>(value.size())));
}

std::error_code share_port(NativeFd) noexcept {
  return std::make_error_code(std::errc::not_supported);
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
