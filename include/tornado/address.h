// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Addresses of sockets, as values.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>

#include "tornado/native.h"

namespace tornado {

enum class AddressFamily : std::uint8_t {
  any,    ///< none yet, or every family
  ipv4,   ///< AF_INET
  ipv6,   ///< AF_INET6
  local,  ///< AF_UNIX
};

/// The address of an IPv4, IPv6 or Unix socket. A value: cheap to copy, comparable, and
/// usable as a key. It keeps the scope and the flow label of an IPv6 address.
///
/// An address without a family is empty. It is also the name of a Unix socket that was
/// never bound. Thread-safe as int is.
class TORNADO_API SocketAddress {
 public:
  SocketAddress() noexcept = default;
  /// The address that `ip` spells, without a question to a name server:
  /// SocketAddress("127.0.0.1", 80), ("::1", 80), ("fe80::1%eth0", 80). A zone is the
  /// name or the number of an interface. Throws std::errc::invalid_argument for other
  /// text, and for the short and octal forms of inet_aton, such as "127.1".
  SocketAddress(std::string_view ip, std::uint16_t port);
  /// A path, or on Linux an abstract name, which begins with a zero byte. Throws
  /// std::errc::filename_too_long, and invalid_argument for no path.
  [[nodiscard]] static SocketAddress local(std::string_view path);
  /// Reads what to_string() writes. Throws std::errc::invalid_argument.
  [[nodiscard]] static SocketAddress parse(std::string_view text);
  /// From a `sockaddr` of `size` bytes. Throws std::errc::
  /// address_family_not_supported for other families.
  [[nodiscard]] static SocketAddress from_native(const void* address, std::size_t size);

  [[nodiscard]] AddressFamily family() const noexcept;
  [[nodiscard]] explicit operator bool() const noexcept { return size_ != 0; }
  /// Without the port, with the zone: "fe80::1%eth0". Empty for other families.
  [[nodiscard]] std::string ip() const;
  /// 0 for other families than IPv4 and IPv6.
  [[nodiscard]] std::uint16_t port() const noexcept;
  /// Has no effect on other families.
  void set_port(std::uint16_t port) noexcept;
  /// The number of the interface of an IPv6 address, or 0.
  [[nodiscard]] std::uint32_t scope_id() const noexcept;
  /// The path or the abstract name of a Unix socket.
  [[nodiscard]] std::string_view path() const noexcept;
  [[nodiscard]] bool is_loopback() const noexcept;

  /// What bind, connect and sendto take: a `sockaddr`.
  [[nodiscard]] const void* data() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// By family, then by the address, then by the port.
  friend bool operator==(const SocketAddress& a, const SocketAddress& b) noexcept {
    return (a <=> b) == 0;
  }
  friend TORNADO_API std::strong_ordering operator<=>(const SocketAddress& a,
                                                      const SocketAddress& b) noexcept;
  [[nodiscard]] std::size_t hash() const noexcept;

 private:
  static constexpr std::size_t room = 116;  // for a sockaddr_un of any system

  template <class Native>
  void assign(const Native& native, std::size_t size) noexcept;

  alignas(std::uint64_t) std::byte bytes_[room] = {};
  std::uint32_t size_ = 0;
};

/// "127.0.0.1:80", "[fe80::1%eth0]:80", "unix:/run/name", "unix:@abstract"; an empty
/// address gives "".
[[nodiscard]] TORNADO_API std::string to_string(const SocketAddress& address);

/// The name of a socket. Throws std::system_error.
[[nodiscard]] TORNADO_API SocketAddress local_address(NativeFd socket);
/// The name of the socket at the other end. Throws std::errc::not_connected.
[[nodiscard]] TORNADO_API SocketAddress remote_address(NativeFd socket);

/// The category of getaddrinfo's errors, such as EAI_NONAME. Its codes compare with
/// std::errc where one means the same.
[[nodiscard]] TORNADO_API const std::error_category& resolver_category() noexcept;

/// Whether SocketAddress takes `text` for an IPv4 or IPv6 address.
[[nodiscard]] TORNADO_API bool is_valid_ip(std::string_view text);

}  // namespace tornado

template <>
struct std::hash<tornado::SocketAddress> {
  std::size_t operator()(const tornado::SocketAddress& address) const noexcept {
    return address.hash();
  }
};
