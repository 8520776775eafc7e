// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// As much of a BSD's <sys/event.h> as the library uses, with FreeBSD's values, for a
/// Linux that runs the tests of the code on top of kqueue.
///
/// As there: a registration goes when its number is closed, a queue is not
/// inherited through fork, and the writing end of a pipe that nobody reads is refused
/// with EPIPE. Not as there: data, and fflags in what is told, are always 0; an edge of
/// one filter may be told again with that of the other; and a queue for EVFILT_PROC
/// that is closed before it has told holds a descriptor until its number is a queue's
/// again.

#include <cstdint>
#include <ctime>

struct kevent {
  std::uintptr_t ident;
  std::int16_t filter;
  std::uint16_t flags;
  std::uint32_t fflags;
  std::intptr_t data;
  void* udata;
};

inline constexpr std::int16_t EVFILT_READ = -1;
inline constexpr std::int16_t EVFILT_WRITE = -2;
inline constexpr std::int16_t EVFILT_PROC = -5;
inline constexpr std::int16_t EVFILT_USER = -11;

inline constexpr std::uint16_t EV_ADD = 0x0001;
inline constexpr std::uint16_t EV_DELETE = 0x0002;
inline constexpr std::uint16_t EV_ONESHOT = 0x0010;
inline constexpr std::uint16_t EV_CLEAR = 0x0020;
inline constexpr std::uint16_t EV_RECEIPT = 0x0040;
inline constexpr std::uint16_t EV_ERROR = 0x4000;
inline constexpr std::uint16_t EV_EOF = 0x8000;

inline constexpr std::uint32_t NOTE_TRIGGER = 0x0100'0000;
inline constexpr std::uint32_t NOTE_EXIT = 0x8000'0000;

int kqueue();
int kevent(int queue, const struct kevent* changes, int change_count,
           struct kevent* events, int event_count, const timespec* timeout);
