// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The acts on descriptors that several parts of the library need.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tornado/fd.h"

namespace tornado {

/// Owns the descriptor that a system call returned. Throws errno for -1. Duplicates 0,
/// 1 and 2 to a number above 2, since programs take these numbers for standard streams.
UniqueFd adopt(NativeFd fd, std::string_view act);
/// The same without exceptions. Empty for -1, and for a number below 3 that cannot be
/// duplicated.
UniqueFd adopt_if_made(NativeFd fd) noexcept;

/// Async-signal-safe; keeps errno.
[[nodiscard]] bool is_open(NativeFd fd) noexcept;

/// What a number leads to: another value means that the number is another owner's by
/// now. 0 if it is not open. Pipes, sockets and files have values of their own;
/// eventfds and epoll sets share one. Always 1 on Windows. Async-signal-safe; keeps
/// errno.
[[nodiscard]] std::uint64_t file_id(NativeFd fd) noexcept;

/// Makes `number`, which is open, a close-on-exec copy of `fd` in one step. False with
/// errno. Not on Windows.
bool overwrite(NativeFd number, NativeFd fd) noexcept;

/// As accept_socket(). Writes the peer's `sockaddr` into `peer`, and its size into
/// `size`, which is the room there at first.
UniqueFd accept_named(NativeFd listener, void* peer, std::size_t& size);

/// The system's part of make_socket() and accept_named().
UniqueFd make_system_socket(int domain, int type, int protocol);
UniqueFd accept_in_system(NativeFd listener, void* peer, std::size_t& size);

struct Replaced {
  NativeFd number;
  UniqueFd old;
};

/// Puts `fresh` in the place of `number`, which stays close-on-exec, in one step. Where
/// the system has no such step, `number` is that of `fresh`, and `old` holds the
/// previous descriptor, which other threads may still use.
Replaced replace(NativeFd number, UniqueFd fresh);

/// For the audit: remembers which part of the library made a descriptor. `owner` is a
/// literal, or nullptr to forget it. Numbers from 4096 on are not remembered.
/// Async-signal-safe.
void tag_descriptor(NativeFd fd, const char* owner) noexcept;
/// nullptr if unknown, or if the number leads to another file by now: not every close
/// is a try_close().
const char* owner_tag_of(NativeFd fd) noexcept;

}  // namespace tornado
