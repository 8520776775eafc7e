// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The addresses that the system tells beside a datagram.

#include <cstddef>
#include <cstdint>
#include <exception>

#include "net/sockets.h"
#include "tornado/address.h"

namespace tornado {

/// Empty for a family that no datagram of ours has.
inline SocketAddress address_or_empty(const void* native, std::size_t size) noexcept {
  try {
    return SocketAddress::from_native(native, size);
  } catch (const std::exception&) {
    return {};
  }
}

inline SocketAddress address_of(const in_addr& ip) noexcept {
  sockaddr_in native{};
  native.sin_family = AF_INET;
  native.sin_addr = ip;
  return address_or_empty(&native, sizeof native);
}

/// Of in6_pktinfo, as each system calls it. A link-local address has its interface.
template <class PacketInfo>
SocketAddress address_of_ipv6(const PacketInfo& info) noexcept {
  sockaddr_in6 native{};
  native.sin6_family = AF_INET6;
  native.sin6_addr = info.ipi6_addr;
  if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) {
    native.sin6_scope_id = static_cast<std::uint32_t>(info.ipi6_ifindex);
  }
  return address_or_empty(&native, sizeof native);
}

}  // namespace tornado
