// SPDX-License-Identifier: Apache-2.0
#include "tornado/netutil.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <optional>

#include "net/lookup.h"
#include "net/socket_calls.h"
#include "net/sockets.h"
#include "platform/system_error.h"

namespace tornado {
namespace {

namespace fs = std::filesystem;

void check(std::error_code error, std::string_view act, const SocketAddress& address) {
  if (error) throw_error(error, std::string(act) + ' ' + to_string(address));
}

// Windows lets any program take a port over by SO_REUSEADDR, unless it is exclusive.
std::error_code claim_address(NativeFd socket) noexcept {
#ifdef SO_EXCLUSIVEADDRUSE
  return set_option(socket, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1);
#else
  return set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1);
#endif
}

bool is_missing_family(const std::system_error& error) {
  return error.code() == std::errc::address_family_not_supported;
}

/// Empty where this machine lacks the family, or has no such address of it.
UniqueFd bind_one(const SocketAddress& address, const BindOptions& options,
                  bool may_be_missing) {
  UniqueFd socket;
  try {
    socket = make_socket(native_family(address.family()), SOCK_STREAM);
  } catch (const std::system_error& error) {
    if (may_be_missing && is_missing_family(error)) return {};
    throw;
  }
  check(claim_address(socket.get()), "SO_REUSEADDR for", address);
  if (options.reuse_port) check(share_port(socket.get()), "SO_REUSEPORT for", address);
  if (address.family() == AddressFamily::ipv6) {
    check(set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1), "IPV6_V6ONLY for",
          address);
  }
  const std::error_code bound = bind_to(socket.get(), address);
  if (may_be_missing && bound == std::errc::address_not_available) return {};
  check(bound, "bind", address);
  return socket;
}

std::vector<UniqueFd> bind_all(std::vector<SocketAddress> addresses,
                               const BindOptions& options) {
  std::vector<UniqueFd> sockets;
  std::uint16_t port = addresses.front().port();
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    addresses[i].set_port(port);
    const bool last_hope = i + 1 == addresses.size() && sockets.empty();
    UniqueFd socket = bind_one(addresses[i], options, !last_hope);
    if (!socket) continue;
    if (port == 0) port = local_address(socket.get()).port();
    sockets.push_back(std::move(socket));
  }
  for (const UniqueFd& socket : sockets) {
    const std::error_code error = listen_on(socket.get(), options.backlog);
    if (error) check(error, "listen", local_address(socket.get()));
  }
  return sockets;
}

// IPv4 first. Clang warns of std::stable_sort in the standard library of g++ 12.
std::vector<SocketAddress> by_family(const std::vector<SocketAddress>& found) {
  std::vector<SocketAddress> addresses;
  for (const auto family : {AddressFamily::ipv4, AddressFamily::ipv6}) {
    std::ranges::copy_if(
        found, std::back_inserter(addresses),
        [family](AddressFamily one) { return one == family; }, &SocketAddress::family);
  }
  return addresses;
}

}  // namespace

// The system chooses a port for one address. Another socket may have it for the next.
std::vector<UniqueFd> bind_sockets(std::uint16_t port, const BindOptions& options) {
  const std::vector<SocketAddress> addresses =
      by_family(look_up(options.address, port, options.family, true));
  for (int tries = port == 0 ? 10 : 1;; --tries) {
    try {
      return bind_all(addresses, options);
    } catch (const std::system_error& error) {
      if (tries == 1 || error.code() != std::errc::address_in_use) throw;
    }
  }
}

// A client can connect only once it listens, and by then it has its rights.
UniqueFd bind_unix_socket(std::string_view path, unsigned mode, int backlog) {
  const SocketAddress address = SocketAddress::local(path);
  UniqueFd socket = make_socket(AF_UNIX, SOCK_STREAM);
  const bool is_file = path.front() != '\0' && !hooks_of(socket.get());
  const fs::path file(path);
  std::error_code error;
  if (is_file) {
    const fs::file_type type = fs::symlink_status(file, error).type();
    if (type == fs::file_type::socket) {
      fs::remove(file, error);
    } else if (type != fs::file_type::not_found && type != fs::file_type::unknown) {
      check(std::make_error_code(std::errc::file_exists), "bind", address);
    }
  }
  check(bind_to(socket.get(), address), "bind", address);
  if (is_file) {
    fs::permissions(file, static_cast<fs::perms>(mode), error);
    if (error) {
      std::error_code ignored;
      fs::remove(file, ignored);
      check(error, "chmod", address);
    }
  }
  check(listen_on(socket.get(), backlog), "listen", address);
  return socket;
}

}  // namespace tornado
