// SPDX-License-Identifier: Apache-2.0
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "net/datagram_calls.h"
#include "net/datagram_messages.h"
#include "net/packet_info.h"
#include "net/socket_calls.h"
#include "platform/system_error.h"

namespace tornado {
namespace {

constexpr std::size_t most_messages = 32;
constexpr std::size_t most_coalesced = 64;  // in one message, as kernels do it
constexpr std::size_t most_to_send = 65000;
constexpr std::size_t datagram_control_room = 256;

template <class T>
T content(const cmsghdr& control) noexcept {
  T value;
  std::memcpy(&value, CMSG_DATA(const_cast<cmsghdr*>(&control)), sizeof value);
  return value;
}

}  // namespace

template <std::size_t size>
struct alignas(cmsghdr) DatagramControl {
  std::array<std::byte, size> bytes;
};

/// What a message tells beside its bytes.
struct DatagramTold {
  SocketAddress source;
  SocketAddress local;
  unsigned interface_index = 0;
  std::size_t segment = 0;

  void read(msghdr& message) noexcept;
  void read_packet_info(const cmsghdr& control) noexcept;
};

void DatagramTold::read(msghdr& message) noexcept {
  const std::size_t size = message.msg_namelen;
  // Most often it is the address of the message that was here before.
  if (source.size() != size ||
      std::memcmp(source.data(), message.msg_name, size) != 0) {
    source = address_or_empty(message.msg_name, size);
  }
  segment = 0;
  if (message.msg_controllen == 0) return;
  for (cmsghdr* one = CMSG_FIRSTHDR(&message); one; one = CMSG_NXTHDR(&message, one)) {
    read_packet_info(*one);
    if (const std::size_t length = segment_of(*one)) segment = length;
  }
}

void DatagramTold::read_packet_info(const cmsghdr& control) noexcept {
  if (control.cmsg_level == IPPROTO_IPV6 && control.cmsg_type == IPV6_PKTINFO) {
    const auto info = content<in6_pktinfo>(control);
    local = address_of_ipv6(info);
    interface_index = static_cast<unsigned>(info.ipi6_ifindex);
  }
  if (control.cmsg_level != IPPROTO_IP) return;
#if defined(IP_PKTINFO)
  if (control.cmsg_type == IP_PKTINFO) {
    const auto info = content<in_pktinfo>(control);
    local = address_of(info.ipi_addr);
    interface_index = static_cast<unsigned>(info.ipi_ifindex);
  }
#elif defined(IP_RECVDSTADDR)
  if (control.cmsg_type == IP_RECVDSTADDR) {
    local = address_of(content<in_addr>(control));
  }
#endif
}

// The distance of two places is no power of two, so that they do not share lines of the
// processor's cache.
struct DatagramBuffer::Parts {
  Parts(std::size_t size, bool coalesced)
      : datagram_size(size),
        distance((size + 63) / 64 * 64 + std::size_t{5} * 64),
        bytes(new std::byte[distance * most_messages]) {
    for (std::size_t i = 0; i < most_messages; ++i) {
      pieces[i] = {bytes.get() + i * distance, datagram_size};
      messages[i] = {};
      prepare(i);
    }
    datagrams.reserve(coalesced ? most_messages * most_coalesced : most_messages);
  }

  /// The kernel writes into some of them.
  void prepare(std::size_t i) noexcept {
    msghdr& header = messages[i].header;
    header.msg_name = &names[i];
    header.msg_namelen = sizeof names[i];
    header.msg_iov = &pieces[i];
    header.msg_iovlen = 1;
    header.msg_control = controls[i].bytes.data();
    header.msg_controllen = controls[i].bytes.size();
  }
  void split(std::size_t i);

  const std::size_t datagram_size;
  const std::size_t distance;
  const std::unique_ptr<std::byte[]> bytes;
  std::array<Message, most_messages> messages;
  std::array<iovec, most_messages> pieces;
  std::array<sockaddr_storage, most_messages> names;
  std::array<DatagramControl<datagram_control_room>, most_messages> controls;
  std::array<DatagramTold, most_messages> told;
  std::vector<Datagram> datagrams;
  bool full = false;
};

void DatagramBuffer::Parts::split(std::size_t i) {
  Message& message = messages[i];
  DatagramTold& beside = told[i];
  beside.read(message.header);
  const auto* const first = reinterpret_cast<const char*>(bytes.get() + i * distance);
  std::string_view rest(first, (std::min<std::size_t>)(message.length, datagram_size));
  const bool cut = (message.header.msg_flags & MSG_TRUNC) != 0;
  do {
    const std::size_t size =
        beside.segment ? (std::min)(beside.segment, rest.size()) : rest.size();
    datagrams.push_back({rest.substr(0, size), beside.source, beside.local,
                         beside.interface_index, cut && size == rest.size()});
    rest.remove_prefix(size);
  } while (!rest.empty());
}

DatagramBuffer::DatagramBuffer(std::size_t datagram_size, bool coalesced)
    : parts_(std::make_unique<Parts>(datagram_size, coalesced)) {}

DatagramBuffer::~DatagramBuffer() = default;

std::error_code DatagramBuffer::receive(NativeFd socket) noexcept {
  parts_->datagrams.clear();
  const int n = receive_messages(socket, parts_->messages, parts_->full);
  if (n < 0) return last_error();
  const auto count = static_cast<std::size_t>(n);
  try {
    for (std::size_t i = 0; i < count; ++i) parts_->split(i);
  } catch (const std::bad_alloc&) {
    // The kernel has put more together than it does today. The rest is lost.
  }
  for (std::size_t i = 0; i < count; ++i) parts_->prepare(i);
  return {};
}

DatagramBatch DatagramBuffer::datagrams() const noexcept {
  return parts_->datagrams;
}

bool DatagramBuffer::full() const noexcept {
  return parts_->full;
}

namespace {

bool same(const SocketAddress& a, const SocketAddress& b) noexcept {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

/// Datagrams as messages, of which each may be several segments.
class Plan {
 public:
  Plan(std::span<const OutgoingDatagram> all, std::size_t longest_segment) noexcept {
    while (count_ < messages_.size() && !all.empty() && pieces_used_ < pieces_.size()) {
      const std::size_t size = segments_at(all, longest_segment);
      add(all.first(size));
      all = all.subspan(size);
    }
  }

  std::span<Message> messages() noexcept { return std::span(messages_).first(count_); }
  /// How many datagrams are in the first messages.
  [[nodiscard]] std::size_t datagrams_in(std::size_t messages) const noexcept {
    std::size_t all = 0;
    for (std::size_t i = 0; i < messages; ++i) all += messages_[i].header.msg_iovlen;
    return all;
  }

 private:
  /// How many of the first datagrams can be the segments of one message.
  [[nodiscard]] std::size_t segments_at(std::span<const OutgoingDatagram> all,
                                        std::size_t longest) const noexcept {
    const std::size_t size = all.front().bytes.size();
    if (size == 0 || size > longest) return 1;
    const std::size_t most =
        (std::min)({all.size(), most_coalesced, most_to_send / size,
                    pieces_.size() - pieces_used_});
    std::size_t count = 1;
    while (count < most && same(all[count].destination, all.front().destination)) {
      const std::size_t next = all[count].bytes.size();
      if (next > size || next == 0) break;
      ++count;
      if (next < size) break;  // only the last one is shorter
    }
    return count;
  }

  void add(std::span<const OutgoingDatagram> segments) noexcept {
    msghdr& header = messages_[count_].header;
    header = {};
    const SocketAddress& to = segments.front().destination;
    if (to) {
      header.msg_name = const_cast<void*>(to.data());
      header.msg_namelen = static_cast<socklen_t>(to.size());
    }
    header.msg_iov = &pieces_[pieces_used_];
    header.msg_iovlen = static_cast<decltype(header.msg_iovlen)>(segments.size());
    for (const OutgoingDatagram& one : segments) {
      pieces_[pieces_used_++] = {const_cast<char*>(one.bytes.data()), one.bytes.size()};
    }
    if (segments.size() > 1) {
      auto& control = controls_[count_].bytes;
      header.msg_control = control.data();
      header.msg_controllen = control.size();
      set_segment(header, segments.front().bytes.size());
    }
    ++count_;
  }

  std::size_t count_ = 0;
  std::size_t pieces_used_ = 0;
  std::array<Message, most_messages> messages_;
  std::array<iovec, 4 * most_coalesced> pieces_;
  std::array<DatagramControl<segment_control_room>, most_messages> controls_;
};

/// A segment must fit into a packet, which the kernel splits no further, and some
/// devices take none. What was refused is sent by itself.
bool segment_less(Segmenting& segmenting, std::size_t refused,
                  const std::error_code& error) noexcept {
  if (error == std::errc::invalid_argument || error == std::errc::message_size) {
    segmenting.longest = refused - 1;
  } else if (error == std::errc::io_error ||
             error == std::errc::operation_not_supported) {
    segmenting.longest = 0;
  } else {
    return false;
  }
  return true;
}

}  // namespace

BatchSent send_datagrams(NativeFd socket, std::span<const OutgoingDatagram> all,
                         Segmenting& segmenting) noexcept {
  if (all.size() > 1 && !std::exchange(segmenting.asked, true)) {
    segmenting.longest = can_segment(socket) ? most_to_send : 0;
  }
  std::size_t done = 0;
  while (done < all.size()) {
    Plan plan(all.subspan(done), segmenting.longest);
    const int n = send_messages(socket, plan.messages());
    if (n >= 0) {
      done += plan.datagrams_in(static_cast<std::size_t>(n));
      continue;
    }
    const std::error_code error = last_error();
    const bool segmented = plan.datagrams_in(1) > 1;
    if (segmented && segment_less(segmenting, all[done].bytes.size(), error)) continue;
    return {done, error};
  }
  return {done, {}};
}

int receive_one(NativeFd socket, Message& message) noexcept {
  const ssize_t n =
      retry_eintr([&] { return ::recvmsg(socket, &message.header, MSG_DONTWAIT); });
  if (n < 0) return -1;
  message.length = static_cast<unsigned>(n);
  return 1;
}

int send_one(NativeFd socket, Message& message) noexcept {
  const ssize_t n =
      retry_eintr([&] { return ::sendmsg(socket, &message.header, MSG_DONTWAIT); });
  return n < 0 ? -1 : 1;
}

std::error_code tell_packet_info(NativeFd socket, AddressFamily family) noexcept {
  if (family == AddressFamily::ipv6) {
    return set_option(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  }
#if defined(IP_PKTINFO)
  return set_option(socket, IPPROTO_IP, IP_PKTINFO, 1);
#elif defined(IP_RECVDSTADDR)
  return set_option(socket, IPPROTO_IP, IP_RECVDSTADDR, 1);
#else
  return std::make_error_code(std::errc::not_supported);
#endif
}

// A connected socket hears of its peer's errors by itself.
void hear_errors(NativeFd, bool) noexcept {}

std::error_code set_multicast_interface(NativeFd socket, AddressFamily family,
                                        unsigned interface_index) noexcept {
  if (family == AddressFamily::ipv6) {
    return set_option(socket, IPPROTO_IPV6, IPV6_MULTICAST_IF,
                      static_cast<int>(interface_index));
  }
  ip_mreqn choice{};
  choice.imr_ifindex = static_cast<decltype(choice.imr_ifindex)>(interface_index);
  return set_option(socket, IPPROTO_IP, IP_MULTICAST_IF,
                    std::as_bytes(std::span(&choice, 1)));
}

}  // namespace tornado
