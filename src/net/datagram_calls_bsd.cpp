// SPDX-License-Identifier: Apache-2.0
// Systems that move one datagram by a call, and queue no errors.
#include "net/datagram_messages.h"

namespace tornado {

int receive_messages(NativeFd socket, std::span<Message> messages,
                     bool& more) noexcept {
  more = true;
  return receive_one(socket, messages.front());
}

int send_messages(NativeFd socket, std::span<Message> messages) noexcept {
  return send_one(socket, messages.front());
}

bool can_segment(NativeFd) noexcept {
  return false;
}

void set_segment(msghdr&, std::size_t) noexcept {}

std::size_t segment_of(const cmsghdr&) noexcept {
  return 0;
}

bool coalesce_received(NativeFd) noexcept {
  return false;
}

std::error_code queue_errors(NativeFd, AddressFamily, bool) noexcept {
  return std::make_error_code(std::errc::not_supported);
}

bool next_datagram_error(NativeFd, DatagramError&) noexcept {
  return false;
}

}  // namespace tornado
