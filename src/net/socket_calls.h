// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The system's calls on sockets, without exceptions and without SIGPIPE.

#include <cstddef>
#include <span>
#include <string_view>
#include <system_error>

#include "platform/socket_hooks.h"
#include "tornado/address.h"
#include "tornado/native.h"

namespace tornado {

std::error_code last_socket_error() noexcept;
[[noreturn]] void throw_socket_error(std::string_view act, NativeFd fd);

/// The most pieces that send_pieces() takes.
inline constexpr std::size_t most_pieces = 64;

Moved receive_bytes(NativeFd socket, std::span<std::byte> room) noexcept;
Moved send_pieces(NativeFd socket, std::span<const Bytes> pieces) noexcept;

/// operation_in_progress: the socket becomes writable when the attempt has ended.
std::error_code begin_connect(NativeFd socket, const SocketAddress& to) noexcept;
/// How that attempt has ended: by SO_ERROR, and by the name of the peer, since a Unix
/// socket may be writable without being connected.
std::error_code end_connect(NativeFd socket) noexcept;
std::error_code stop_sending(NativeFd socket) noexcept;

/// Sets what a socket needs so that a write raises no SIGPIPE.
void refuse_sigpipe(NativeFd socket) noexcept;

std::error_code set_option(NativeFd socket, int level, int option,
                           Bytes value) noexcept;
inline std::error_code set_option(NativeFd socket, int level, int option,
                                  int value) noexcept {
  return set_option(socket, level, option, std::as_bytes(std::span(&value, 1)));
}
/// Lets several sockets bind one port. not_supported on Windows.
std::error_code share_port(NativeFd socket) noexcept;
std::error_code bind_to(NativeFd socket, const SocketAddress& address) noexcept;
std::error_code listen_on(NativeFd socket, int backlog) noexcept;

}  // namespace tornado
