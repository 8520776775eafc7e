// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "tornado/fd.h"

namespace tornado {

/// Two TCP sockets of this process, connected over the loopback with each other and
/// with nobody else. Without Nagle's delay.
FdPair open_tcp_pair();

/// The system's calls that a pair of TCP sockets is made of. All but peer_address()
/// throw std::system_error.

/// Of IPv4, both as they go over the network.
struct TcpAddress {
  std::uint32_t host = 0;
  std::uint16_t port = 0;
  bool operator==(const TcpAddress&) const = default;
};

enum class Readiness {
  accept,     ///< somebody has connected to a listener
  connected,  ///< begin_to_connect() has come to an end, good or bad
};

/// On a port to which nobody else can bind meanwhile.
UniqueFd listen_on_loopback();
UniqueFd make_tcp_socket();
/// From then on the socket has an address of its own.
void begin_to_connect(NativeFd fd, const TcpAddress& server);
TcpAddress own_address(NativeFd fd);
/// None: it is not connected, or not any more.
std::optional<TcpAddress> peer_address(NativeFd fd) noexcept;
/// False: not within `limit`, or interrupted.
bool wait_for_tcp(NativeFd fd, Readiness readiness, std::chrono::milliseconds limit);
void send_at_once(NativeFd fd);

}  // namespace tornado
