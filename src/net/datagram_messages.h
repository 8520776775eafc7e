// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Messages of datagrams as POSIX has them, and the acts that differ among its systems.

#include <span>

#include "net/datagram_calls.h"
#include "net/sockets.h"

namespace tornado {

/// As Linux's mmsghdr.
struct Message {
  msghdr header;
  unsigned length;
};

/// How many messages were moved, from the first; -1 with errno if the first one failed.
/// Where the system moves one at a time, one. `more`: the kernel may have another.
int receive_messages(NativeFd socket, std::span<Message> messages, bool& more) noexcept;
int send_messages(NativeFd socket, std::span<Message> messages) noexcept;
/// The same with one system call for one message.
int receive_one(NativeFd socket, Message& message) noexcept;
int send_one(NativeFd socket, Message& message) noexcept;

constexpr std::size_t segment_control_room = CMSG_SPACE(sizeof(int));
/// Whether send_messages() splits a message into segments.
bool can_segment(NativeFd socket) noexcept;
/// Asks to split `message`, which has segment_control_room bytes of control.
void set_segment(msghdr& message, std::size_t size) noexcept;
/// The size of the segments that were put together, or 0.
std::size_t segment_of(const cmsghdr& control) noexcept;

}  // namespace tornado
