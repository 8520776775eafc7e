// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "platform/socket_hooks.h"
#include "tornado/address.h"

namespace tornado {

/// Calls getaddrinfo, and so may block. Returns each address once, in the system's
/// order. `passive` stands for every interface where `host` is empty. Throws
/// std::system_error with the text "resolve HOST"; see resolver_category().
std::vector<SocketAddress> look_up(const std::string& host, std::uint16_t port,
                                   AddressFamily family, bool passive = false);

/// The hooks that answer for this thread, or null.
inline SocketHooks* hooks_with_names(const std::string& host) {
  SocketHooks* const hooks = socket_hooks.load(std::memory_order_acquire);
  return hooks && hooks->lookup_time(host) ? hooks : nullptr;
}

/// What is known without a question to anybody. RFC 6761 leaves nothing of localhost
/// to a name server.
TORNADO_API std::vector<SocketAddress> known_addresses(const std::string& host,
                                                       std::uint16_t port,
                                                       AddressFamily family);

/// The system's number of a family, and 0 for `any`.
TORNADO_API int native_family(AddressFamily family) noexcept;

}  // namespace tornado
