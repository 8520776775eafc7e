// SPDX-License-Identifier: Apache-2.0
#include "tornado/address.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <type_traits>

#include "net/socket_calls.h"
#include "net/sockets.h"
#include "platform/system_error.h"

namespace tornado {
namespace {

constexpr std::size_t zone_room = 257;  // the most that any system names an interface
constexpr std::size_t path_offset = offsetof(sockaddr_un, sun_path);
constexpr std::size_t path_room = sizeof(sockaddr_un) - path_offset;

[[noreturn]] void refuse(std::errc why, std::string_view act, std::string_view text) {
  throw_error(std::make_error_code(why),
              std::string(act) + " \"" + std::string(text) + '"');
}

template <class T>
T read(const void* bytes, std::size_t size) noexcept {
  T native{};
  std::memcpy(&native, bytes, (std::min)(size, sizeof native));
  return native;
}

template <class T>
std::optional<T> number(std::string_view text) noexcept {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || rest != end) return {};
  return value;
}

/// "eth0" or "2".
std::optional<std::uint32_t> scope_of(const std::string& zone) {
  if (const auto scope = number<std::uint32_t>(zone)) return scope;
  const unsigned scope = ::if_nametoindex(zone.c_str());
  return scope ? std::optional<std::uint32_t>(scope) : std::nullopt;
}

/// inet_pton alone takes the full forms, and wants a zero at the end.
bool parse_ip(const std::string& text, sockaddr_in& result) {
  result = {};
  result.sin_family = AF_INET;
  return ::inet_pton(AF_INET, text.c_str(), &result.sin_addr) == 1;
}

bool parse_ip(const std::string& text, sockaddr_in6& result) {
  result = {};
  result.sin6_family = AF_INET6;
  const std::size_t percent = text.find('%');
  if (percent != std::string::npos) {
    const auto scope = scope_of(text.substr(percent + 1));
    if (!scope) return false;
    result.sin6_scope_id = *scope;
  }
  return ::inet_pton(AF_INET6, text.substr(0, percent).c_str(), &result.sin6_addr) == 1;
}

std::string zone_of(std::uint32_t scope) {
  if (scope == 0) return {};
  char name[zone_room];
  const bool named = ::if_indextoname(scope, name) != nullptr;
  return '%' + (named ? std::string(name) : std::to_string(scope));
}

}  // namespace

template <class Native>
void SocketAddress::assign(const Native& native, std::size_t size) noexcept {
  static_assert(sizeof native <= room);
  std::memset(bytes_, 0, sizeof bytes_);
  std::memcpy(bytes_, &native, size);
  size_ = static_cast<std::uint32_t>(size);
}

SocketAddress::SocketAddress(std::string_view ip, std::uint16_t port) {
  const std::string text(ip);
  sockaddr_in v4;
  sockaddr_in6 v6;
  if (ip.find('\0') != ip.npos) {
    refuse(std::errc::invalid_argument, "not an IP address:", ip);
  } else if (parse_ip(text, v4)) {
    assign(v4, sizeof v4);
  } else if (parse_ip(text, v6)) {
    assign(v6, sizeof v6);
  } else {
    refuse(std::errc::invalid_argument, "not an IP address:", ip);
  }
  set_port(port);
}

// Without the zero byte behind a path: one that fills its place has none.
SocketAddress SocketAddress::local(std::string_view path) {
  if (path.empty()) refuse(std::errc::invalid_argument, "no path of a socket:", path);
  const bool abstract = path.front() == '\0';
  if (!abstract && path.find('\0') != path.npos) {
    refuse(std::errc::invalid_argument, "a zero byte in the path", path);
  }
  if (path.size() > path_room) {
    refuse(std::errc::filename_too_long, "path of a socket", path);
  }
  sockaddr_un native{};
  native.sun_family = AF_UNIX;
  std::memcpy(native.sun_path, path.data(), path.size());
  SocketAddress result;
  result.assign(native, path_offset + path.size());
  return result;
}

SocketAddress SocketAddress::parse(std::string_view text) {
  constexpr std::string_view unix_prefix = "unix:";
  if (text.starts_with(unix_prefix)) {
    std::string path(text.substr(unix_prefix.size()));
    if (path.starts_with('@')) path.front() = '\0';
    return local(path);
  }
  const bool brackets = text.starts_with('[');
  const std::size_t end = brackets ? text.find("]:") : text.rfind(':');
  const std::size_t port_begin = end + (brackets ? 2 : 1);
  const auto port =
      end == text.npos ? std::nullopt : number<std::uint16_t>(text.substr(port_begin));
  const std::string_view ip =
      end == text.npos ? text : text.substr(brackets, end - (brackets ? 1 : 0));
  const bool colons = ip.find(':') != ip.npos;
  if (!port || colons != brackets || !is_valid_ip(ip)) {
    refuse(std::errc::invalid_argument, "not an address and a port:", text);
  }
  return {ip, *port};
}

// Copied field by field: what the system leaves in the padding would make equal
// addresses differ.
SocketAddress SocketAddress::from_native(const void* address, std::size_t size) {
  SocketAddress result;
  if (size == 0) return result;
  const auto family = read<sockaddr>(address, size).sa_family;
  if (family == AF_INET && size >= sizeof(sockaddr_in)) {
    const auto native = read<sockaddr_in>(address, size);
    sockaddr_in clean{};
    clean.sin_family = AF_INET;
    clean.sin_addr = native.sin_addr;
    clean.sin_port = native.sin_port;
    result.assign(clean, sizeof clean);
  } else if (family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    const auto native = read<sockaddr_in6>(address, size);
    sockaddr_in6 clean{};
    clean.sin6_family = AF_INET6;
    clean.sin6_addr = native.sin6_addr;
    clean.sin6_port = native.sin6_port;
    clean.sin6_flowinfo = native.sin6_flowinfo;
    clean.sin6_scope_id = native.sin6_scope_id;
    result.assign(clean, sizeof clean);
  } else if (family == AF_UNIX) {
    if (size <= path_offset) return result;  // never bound
    const auto native = read<sockaddr_un>(address, size);
    std::string_view path(native.sun_path,
                          (std::min)(size, sizeof native) - path_offset);
    if (path.front() != '\0') path = path.substr(0, path.find('\0'));
    const bool named = path.find_first_not_of('\0') != path.npos;
    if (named) result = local(path);
  } else {
    throw_error(std::make_error_code(std::errc::address_family_not_supported),
                "socket address of family " + std::to_string(family));
  }
  return result;
}

AddressFamily SocketAddress::family() const noexcept {
  if (size_ == 0) return AddressFamily::any;
  switch (read<sockaddr>(bytes_, size_).sa_family) {
    case AF_INET:
      return AddressFamily::ipv4;
    case AF_INET6:
      return AddressFamily::ipv6;
    default:
      return AddressFamily::local;
  }
}

std::string SocketAddress::ip() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AddressFamily::ipv4) {
    const auto native = read<sockaddr_in>(bytes_, size_);
    ::inet_ntop(AF_INET, &native.sin_addr, text, sizeof text);
    return text;
  }
  if (family() != AddressFamily::ipv6) return {};
  const auto native = read<sockaddr_in6>(bytes_, size_);
  ::inet_ntop(AF_INET6, &native.sin6_addr, text, sizeof text);
  return text + zone_of(native.sin6_scope_id);
}

// Both families keep the port in the same place.
std::uint16_t SocketAddress::port() const noexcept {
  const AddressFamily is = family();
  if (is != AddressFamily::ipv4 && is != AddressFamily::ipv6) return 0;
  return ntohs(read<sockaddr_in>(bytes_, size_).sin_port);
}

void SocketAddress::set_port(std::uint16_t port) noexcept {
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  const AddressFamily is = family();
  if (is != AddressFamily::ipv4 && is != AddressFamily::ipv6) return;
  const std::uint16_t network = htons(port);
  std::memcpy(bytes_ + offsetof(sockaddr_in, sin_port), &network, sizeof network);
}

std::uint32_t SocketAddress::scope_id() const noexcept {
  if (family() != AddressFamily::ipv6) return 0;
  return static_cast<std::uint32_t>(read<sockaddr_in6>(bytes_, size_).sin6_scope_id);
}

std::string_view SocketAddress::path() const noexcept {
  if (family() != AddressFamily::local) return {};
  return {reinterpret_cast<const char*>(bytes_) + path_offset, size_ - path_offset};
}

bool SocketAddress::is_loopback() const noexcept {
  if (family() == AddressFamily::ipv4) {
    return ntohl(read<sockaddr_in>(bytes_, size_).sin_addr.s_addr) >> 24 == 127;
  }
  if (family() != AddressFamily::ipv6) return family() == AddressFamily::local;
  const auto native = read<sockaddr_in6>(bytes_, size_);
  return std::memcmp(&native.sin6_addr, &in6addr_loopback, sizeof in6addr_loopback) ==
         0;
}

// All but the port in one comparison of bytes: what stands in them is in the order of
// the network, and the padding is zero.
std::strong_ordering operator<=>(const SocketAddress& a,
                                 const SocketAddress& b) noexcept {
  if (a.family() != b.family()) return a.family() <=> b.family();
  SocketAddress without_port[] = {a, b};
  for (SocketAddress& address : without_port) address.set_port(0);
  const int order =
      std::memcmp(without_port[0].bytes_, without_port[1].bytes_, sizeof a.bytes_);
  if (order != 0) return order <=> 0;
  if (a.size_ != b.size_) return a.size_ <=> b.size_;
  return a.port() <=> b.port();
}

std::size_t SocketAddress::hash() const noexcept {
  return std::hash<std::string_view>()({reinterpret_cast<const char*>(bytes_), size_});
}

std::string to_string(const SocketAddress& address) {
  switch (address.family()) {
    case AddressFamily::ipv4:
      return address.ip() + ':' + std::to_string(address.port());
    case AddressFamily::ipv6:
      return '[' + address.ip() + "]:" + std::to_string(address.port());
    case AddressFamily::local: {
      std::string path(address.path());
      if (path.front() == '\0') path.front() = '@';
      return "unix:" + path;
    }
    case AddressFamily::any:
      break;
  }
  return {};
}

bool is_valid_ip(std::string_view text) {
  sockaddr_in v4;
  sockaddr_in6 v6;
  // Longer than any address; and a zero byte would hide what comes behind it.
  constexpr std::size_t longest = INET6_ADDRSTRLEN + zone_room;
  if (text.size() > longest || text.find('\0') != text.npos) return false;
  const std::string copy(text);
  return parse_ip(copy, v4) || parse_ip(copy, v6);
}

}  // namespace tornado
