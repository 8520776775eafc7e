// SPDX-License-Identifier: Apache-2.0
// One datagram by a call.
#include <array>
#include <cstring>
#include <optional>

#include "net/datagram_calls.h"
#include "net/packet_info.h"
#include "net/socket_calls.h"
#include "net/sockets.h"
#include "platform/error_windows.h"
// After winsock2.h.
#include <mswsock.h>

namespace tornado {
namespace {

/// Null where Winsock lacks it.
LPFN_WSARECVMSG find_receive_message(NativeFd socket) noexcept {
  GUID id = WSAID_WSARECVMSG;
  LPFN_WSARECVMSG found = nullptr;
  DWORD size = 0;
  ::WSAIoctl(socket, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, &found,
             sizeof found, &size, nullptr, nullptr);
  return found;
}

template <class T>
T content(WSACMSGHDR* control) noexcept {
  T value;
  std::memcpy(&value, WSA_CMSG_DATA(control), sizeof value);
  return value;
}

std::error_code set_by_ioctl(NativeFd socket, DWORD code, bool on) noexcept {
  BOOL value = on;
  DWORD size = 0;
  if (::WSAIoctl(socket, code, &value, sizeof value, nullptr, 0, &size, nullptr,
                 nullptr) == 0) {
    return {};
  }
  return last_windows_error();
}

}  // namespace

struct DatagramBuffer::Parts {
  explicit Parts(std::size_t datagram_size)
      : size(datagram_size), bytes(new std::byte[datagram_size]) {}

  void read_control(WSAMSG& message) noexcept;

  const std::size_t size;
  const std::unique_ptr<std::byte[]> bytes;
  LPFN_WSARECVMSG receive = nullptr;
  SocketAddress source;
  SocketAddress local;
  unsigned interface_index = 0;
  bool truncated = false;
  std::optional<Datagram> datagram;
};

void DatagramBuffer::Parts::read_control(WSAMSG& message) noexcept {
  for (WSACMSGHDR* one = WSA_CMSG_FIRSTHDR(&message); one;
       one = WSA_CMSG_NXTHDR(&message, one)) {
    if (one->cmsg_level == IPPROTO_IP && one->cmsg_type == IP_PKTINFO) {
      const auto info = content<IN_PKTINFO>(one);
      local = address_of(info.ipi_addr);
      interface_index = info.ipi_ifindex;
    } else if (one->cmsg_level == IPPROTO_IPV6 && one->cmsg_type == IPV6_PKTINFO) {
      const auto info = content<IN6_PKTINFO>(one);
      local = address_of_ipv6(info);
      interface_index = info.ipi6_ifindex;
    }
  }
}

DatagramBuffer::DatagramBuffer(std::size_t datagram_size, bool)
    : parts_(std::make_unique<Parts>(datagram_size)) {}

DatagramBuffer::~DatagramBuffer() = default;

std::error_code DatagramBuffer::receive(NativeFd socket) noexcept {
  Parts& parts = *parts_;
  parts.datagram.reset();
  if (!parts.receive) parts.receive = find_receive_message(socket);
  if (!parts.receive) return std::make_error_code(std::errc::not_supported);
  sockaddr_storage name{};
  WSABUF buffer = {static_cast<ULONG>(parts.size),
                   reinterpret_cast<char*>(parts.bytes.get())};
  alignas(WSACMSGHDR) std::array<char, 256> control;
  WSAMSG message = {reinterpret_cast<sockaddr*>(&name),
                    static_cast<INT>(sizeof name),
                    &buffer,
                    1,
                    {static_cast<ULONG>(control.size()), control.data()},
                    0};
  DWORD count = 0;
  const int result = parts.receive(socket, &message, &count, nullptr, nullptr);
  const bool truncated = result != 0 && ::WSAGetLastError() == WSAEMSGSIZE;
  if (result != 0 && !truncated) return last_windows_error();
  if (truncated) count = buffer.len;
  parts.source = address_or_empty(&name, static_cast<std::size_t>(message.namelen));
  parts.read_control(message);
  parts.datagram.emplace(Datagram{{buffer.buf, count},
                                  parts.source,
                                  parts.local,
                                  parts.interface_index,
                                  truncated});
  return {};
}

DatagramBatch DatagramBuffer::datagrams() const noexcept {
  if (!parts_->datagram) return {};
  return {&*parts_->datagram, 1};
}

bool DatagramBuffer::full() const noexcept {
  return true;
}

bool coalesce_received(NativeFd) noexcept {
  return false;
}

std::error_code tell_packet_info(NativeFd socket, AddressFamily family) noexcept {
  return family == AddressFamily::ipv6
             ? set_option(socket, IPPROTO_IPV6, IPV6_PKTINFO, 1)
             : set_option(socket, IPPROTO_IP, IP_PKTINFO, 1);
}

BatchSent send_datagrams(NativeFd socket, std::span<const OutgoingDatagram> all,
                         Segmenting&) noexcept {
  BatchSent sent;
  for (const OutgoingDatagram& one : all) {
    WSABUF buffer = {static_cast<ULONG>(one.bytes.size()),
                     const_cast<char*>(one.bytes.data())};
    DWORD count = 0;
    const auto* const to = static_cast<const sockaddr*>(one.destination.data());
    const int size = static_cast<int>(one.destination.size());
    if (::WSASendTo(socket, &buffer, 1, &count, 0, size ? to : nullptr, size, nullptr,
                    nullptr) != 0) {
      sent.error = last_windows_error();
      return sent;
    }
    ++sent.count;
  }
  return sent;
}

std::error_code queue_errors(NativeFd, AddressFamily, bool) noexcept {
  return std::make_error_code(std::errc::not_supported);
}

bool next_datagram_error(NativeFd, DatagramError&) noexcept {
  return false;
}

void hear_errors(NativeFd socket, bool on) noexcept {
#ifndef SIO_UDP_CONNRESET
  constexpr DWORD SIO_UDP_CONNRESET = _WSAIOW(IOC_VENDOR, 12);
#endif
  (void)set_by_ioctl(socket, SIO_UDP_CONNRESET, on);
}

std::error_code set_multicast_interface(NativeFd socket, AddressFamily family,
                                        unsigned interface_index) noexcept {
  if (family == AddressFamily::ipv6) {
    return set_option(socket, IPPROTO_IPV6, IPV6_MULTICAST_IF,
                      static_cast<int>(interface_index));
  }
  return set_option(socket, IPPROTO_IP, IP_MULTICAST_IF,
                    static_cast<int>(::htonl(interface_index)));
}

}  // namespace tornado
