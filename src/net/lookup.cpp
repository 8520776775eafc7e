// SPDX-License-Identifier: Apache-2.0
#include "net/lookup.h"

#include <algorithm>
#include <memory>
#include <system_error>

#include "net/socket_calls.h"
#include "net/sockets.h"
#include "platform/system_error.h"

namespace tornado {
namespace {

/// The codes of getaddrinfo, which are no errno.
class ResolverCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "resolver"; }
  std::string message(int code) const override {
#ifdef EAI_SYSTEM
    return ::gai_strerror(code);
#else
    return std::system_category().message(code);  // codes of Winsock
#endif
  }
  std::error_condition default_error_condition(int code) const noexcept override {
    switch (code) {
      case EAI_AGAIN:
        return std::errc::resource_unavailable_try_again;
      case EAI_MEMORY:
        return std::errc::not_enough_memory;
      case EAI_FAMILY:
        return std::errc::address_family_not_supported;
      default:
        return {code, *this};
    }
  }
};

std::error_code resolver_error(int code) noexcept {
#ifdef EAI_SYSTEM
  if (code == EAI_SYSTEM) return last_socket_error();
#endif
  return {code, resolver_category()};
}

struct FreeAddresses {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

// A library that looks the name up would end it there, and find another host.
void refuse_zero_byte(const std::string& host) {
  if (host.find('\0') == host.npos) return;
  throw_error(std::make_error_code(std::errc::invalid_argument),
              "resolve \"" + host + "\": a zero byte in the name");
}

}  // namespace

const std::error_category& resolver_category() noexcept {
  static const ResolverCategory category;
  return category;
}

std::vector<SocketAddress> known_addresses(const std::string& host, std::uint16_t port,
                                           AddressFamily family) {
  refuse_zero_byte(host);
  std::vector<SocketAddress> found;
  const auto add = [&](std::string_view ip) {
    const SocketAddress address(ip, port);
    if (family == AddressFamily::any || family == address.family()) {
      found.push_back(address);
    }
  };
  if (is_valid_ip(host)) {
    add(host);
  } else if (host == "localhost") {
    add("127.0.0.1");
    add("::1");
  }
  return found;
}

int native_family(AddressFamily family) noexcept {
  switch (family) {
    case AddressFamily::ipv4:
      return AF_INET;
    case AddressFamily::ipv6:
      return AF_INET6;
    case AddressFamily::local:
      return AF_UNIX;
    case AddressFamily::any:
      break;
  }
  return AF_UNSPEC;
}

namespace {

/// The addresses of a network that is not the system's.
std::vector<SocketAddress> look_up_in(SocketHooks& hooks, const std::string& host,
                                      std::uint16_t port, AddressFamily family,
                                      bool passive) {
  std::vector<std::string> ips;
  std::error_code error = hooks.look_up(host, passive, ips);
  std::vector<SocketAddress> found;
  for (const std::string& ip : ips) {
    const SocketAddress address(ip, port);
    const bool wanted = family == AddressFamily::any || family == address.family();
    if (wanted) found.push_back(address);
  }
  if (!error && found.empty()) error = resolver_error(EAI_NONAME);
  if (error) throw_error(error, "resolve \"" + host + '"');
  return found;
}

}  // namespace

std::vector<SocketAddress> look_up(const std::string& host, std::uint16_t port,
                                   AddressFamily family, bool passive) {
  refuse_zero_byte(host);
  if (SocketHooks* const hooks = hooks_with_names(host)) {
    return look_up_in(*hooks, host, port, family, passive);
  }
  addrinfo hints{};
  hints.ai_family = native_family(family);
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = passive ? AI_PASSIVE : 0;
  const std::string service = std::to_string(port);
  addrinfo* raw = nullptr;
  const int code = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), service.c_str(),
                                 &hints, &raw);
  const std::unique_ptr<addrinfo, FreeAddresses> list(raw);
  if (code != 0) throw_error(resolver_error(code), "resolve \"" + host + '"');
  std::vector<SocketAddress> found;
  for (const addrinfo* one = raw; one; one = one->ai_next) {
    if (one->ai_family != AF_INET && one->ai_family != AF_INET6) continue;
    const auto address = SocketAddress::from_native(one->ai_addr, one->ai_addrlen);
    if (std::ranges::find(found, address) == found.end()) found.push_back(address);
  }
  return found;
}

}  // namespace tornado
