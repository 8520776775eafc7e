// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "tornado/fd.h"

namespace tornado {

/// Two TCP sockets of this process that are connected with each other over the loopback
/// interface. Another process cannot be the peer. Nagle's delay is off.
FdPair open_tcp_pair();

// The system's calls behind open_tcp_pair(). All but peer_address() throw
// std::system_error.

/// An IPv4 address. Both members are in network byte order.
struct TcpAddress {
  std::uint32_t host = 0;
  std::uint16_t port = 0;
  bool operator==(const TcpAddress&) const = default;
};

enum class Readiness {
  accept,     ///< a listener has a connection to accept
  connected,  ///< begin_to_connect() has succeeded or failed
};

/// Listens on a free port, to which no other process can bind.
UniqueFd listen_on_loopback();
UniqueFd make_tcp_socket();
/// Starts to connect, and gives the socket an address.
void begin_to_connect(NativeFd fd, const TcpAddress& server);
TcpAddress own_address(NativeFd fd);
/// Empty if the socket is not connected.
std::optional<TcpAddress> peer_address(NativeFd fd) noexcept;
/// False if `limit` passed or a signal interrupted the wait.
bool wait_for_tcp(NativeFd fd, Readiness readiness, std::chrono::milliseconds limit);
/// Turns Nagle's delay off.
void send_at_once(NativeFd fd);

}  // namespace tornado
