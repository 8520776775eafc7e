// SPDX-License-Identifier: Apache-2.0
#include <netinet/udp.h>
#include <sys/socket.h>
#include <time.h>
// After time.h.
#include <linux/errqueue.h>

#include <array>
#include <cstddef>
#include <cstring>

#include "net/datagram_messages.h"
#include "net/socket_calls.h"
#include "platform/system_error.h"

namespace tornado {
namespace {

static_assert(sizeof(Message) == sizeof(mmsghdr) &&
              offsetof(Message, length) == offsetof(mmsghdr, msg_len));

// Filters of system calls say ENOSYS or EPERM. A firewall says EPERM, too, and says it
// again.
bool is_missing(int error) noexcept {
  return error == ENOSYS || error == EPERM;
}

mmsghdr* native(std::span<Message> messages) noexcept {
  return reinterpret_cast<mmsghdr*>(messages.data());
}

}  // namespace

int receive_messages(NativeFd socket, std::span<Message> messages,
                     bool& more) noexcept {
  const int n = retry_eintr([&] {
    return ::recvmmsg(socket, native(messages), static_cast<unsigned>(messages.size()),
                      MSG_DONTWAIT, nullptr);
  });
  const bool missing = n == -1 && is_missing(errno);
  more = missing || n == static_cast<int>(messages.size());
  return missing ? receive_one(socket, messages.front()) : n;
}

int send_messages(NativeFd socket, std::span<Message> messages) noexcept {
  if (messages.size() == 1) return send_one(socket, messages.front());
  const int n = retry_eintr([&] {
    return ::sendmmsg(socket, native(messages), static_cast<unsigned>(messages.size()),
                      MSG_DONTWAIT);
  });
  if (n == -1 && is_missing(errno)) return send_one(socket, messages.front());
  return n;
}

// Older kernels pass over a message's wish, and would send one long datagram.
bool can_segment(NativeFd socket) noexcept {
  int size = 0;
  socklen_t room = sizeof size;
  return ::getsockopt(socket, IPPROTO_UDP, UDP_SEGMENT, &size, &room) == 0;
}

void set_segment(msghdr& message, std::size_t size) noexcept {
  const auto segment = static_cast<std::uint16_t>(size);
  message.msg_controllen = CMSG_SPACE(sizeof segment);
  std::memset(message.msg_control, 0, message.msg_controllen);  // the padding, too
  cmsghdr* const control = CMSG_FIRSTHDR(&message);
  control->cmsg_level = IPPROTO_UDP;
  control->cmsg_type = UDP_SEGMENT;
  control->cmsg_len = CMSG_LEN(sizeof segment);
  std::memcpy(CMSG_DATA(control), &segment, sizeof segment);
}

std::size_t segment_of(const cmsghdr& control) noexcept {
  if (control.cmsg_level != IPPROTO_UDP || control.cmsg_type != UDP_GRO) return 0;
  int size = 0;
  std::memcpy(&size, CMSG_DATA(const_cast<cmsghdr*>(&control)), sizeof size);
  return static_cast<std::size_t>(size);
}

bool coalesce_received(NativeFd socket) noexcept {
  return !set_option(socket, IPPROTO_UDP, UDP_GRO, 1);
}

// What has met an earlier datagram must not meet the next call.
std::error_code queue_errors(NativeFd socket, AddressFamily family, bool on) noexcept {
  const std::error_code error = family == AddressFamily::ipv6
                                    ? set_option(socket, IPPROTO_IPV6, IPV6_RECVERR, on)
                                    : set_option(socket, IPPROTO_IP, IP_RECVERR, on);
  int pending = 0;
  socklen_t size = sizeof pending;
  if (!on) (void)::getsockopt(socket, SOL_SOCKET, SO_ERROR, &pending, &size);
  return error;
}

// What the kernel found by itself, such as EMSGSIZE, the call that sends has told.
bool next_datagram_error(NativeFd socket, DatagramError& found) noexcept {
  for (;;) {
    sockaddr_storage destination{};
    alignas(cmsghdr) std::array<std::byte, 512> control;
    msghdr message{};
    message.msg_name = &destination;
    message.msg_namelen = sizeof destination;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t n = retry_eintr(
        [&] { return ::recvmsg(socket, &message, MSG_ERRQUEUE | MSG_DONTWAIT); });
    if (n < 0) return false;
    for (cmsghdr* one = CMSG_FIRSTHDR(&message); one;
         one = CMSG_NXTHDR(&message, one)) {
      const bool is_error =
          (one->cmsg_level == IPPROTO_IP && one->cmsg_type == IP_RECVERR) ||
          (one->cmsg_level == IPPROTO_IPV6 && one->cmsg_type == IPV6_RECVERR);
      if (!is_error) continue;
      sock_extended_err error;
      std::memcpy(&error, CMSG_DATA(one), sizeof error);
      if (error.ee_origin != SO_EE_ORIGIN_ICMP &&
          error.ee_origin != SO_EE_ORIGIN_ICMP6) {
        continue;
      }
      found.destination = SocketAddress::from_native(&destination, message.msg_namelen);
      found.error = {static_cast<int>(error.ee_errno), std::system_category()};
      return true;
    }
  }
}

}  // namespace tornado
