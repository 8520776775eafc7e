// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The self-pipe, grown up: a readable thing that ends the sleep of another thread.

#include <cstdint>
#include <memory>
#include <string_view>
#include <system_error>
#include <vector>

#include "tornado/fd.h"
#include "tornado/native.h"

#pragma push_macro("fileno")
#undef fileno

namespace tornado {

enum class WakerKind : std::uint8_t {
  best,        ///< what TORNADO_WAKER names, else the first of waker_kinds() that works
  eventfd,     ///< one descriptor, a counter in the kernel (Linux)
  kqueue,      ///< one descriptor, EVFILT_USER (BSD, macOS)
  pipe,        ///< Tornado's posix.Waker
  socketpair,  ///< local stream sockets
  tcp_pair,    ///< Tornado's common.Waker: loopback TCP, for systems with nothing else
};

[[nodiscard]] TORNADO_API std::string_view to_string(WakerKind kind) noexcept;
/// What was compiled in, best first.
[[nodiscard]] TORNADO_API std::vector<WakerKind> waker_kinds();

/// Counts since construction; exact once the threads that wake are quiet.
struct WakerCounters {
  std::uint64_t written = 0;    ///< wakes that cost a system call
  std::uint64_t coalesced = 0;  ///< wakes that cost none
  std::uint64_t rebuilt = 0;    ///< times the ends were found dead and made anew
};

/// Ends the sleep of a thread that waits for fileno() to become readable.
///
/// Wakes are coalesced: any number of them before a consume() makes one. What a thread
/// did before wake() happens-before what the woken thread does after consume(), also
/// when that wake was coalesced with another thread's.
///
/// Only the thread that sleeps calls consume() and rebuild(). Any thread may call
/// wake() and close() at any time while the Waker lives. In a forked child, until
/// rebuild() has returned, other threads may call only wake().
class TORNADO_API Waker {
 public:
  /// Throws std::system_error when the kind does not work here, or, for `best`, when
  /// none does (Errc::no_waker for a kind, or a TORNADO_WAKER, that is not compiled
  /// in).
  explicit Waker(WakerKind kind = WakerKind::best);
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  [[nodiscard]] WakerKind kind() const noexcept;
  /// What to wait on for readability; invalid_fd after close().
  [[nodiscard]] NativeFd fileno() const noexcept;
  /// What wake() writes to; the same as fileno() for eventfd.
  ///
  /// A C library that knows only a descriptor can wake the sleeper by one byte: written
  /// to a waker of the kind pipe or socketpair, sent to one of the kind tcp_pair. An
  /// eventfd takes eight bytes at a time, a kqueue takes none.
  [[nodiscard]] NativeFd write_fileno() const noexcept;

  /// Async-signal-safe, lock-free, keeps errno, raises no SIGPIPE of its own making.
  /// The first call after consume() writes. A call that comes before this write is done
  /// writes, too; later calls do not. Harmless during and after close(), and in a
  /// forked child, where it does nothing: the waker is the parent's.
  void wake() noexcept;

  /// Reads everything there is, then lets the next wake() write again; in this order,
  /// or a wake is lost. False if the other end is dead and rebuild() is due.
  bool consume() noexcept;

  /// Makes new ends under the same numbers, after consume() returned false, or in a
  /// forked child to make the waker its own. The number changes for a kqueue in a
  /// forked child, and for both ends on Windows. Take fileno() out of an epoll set
  /// before, and put it in after. fileno() is readable then. Throws std::system_error,
  /// and then nothing has changed. The old reading end of a pipe stays open until the
  /// next rebuild() or close(), since another thread may be writing to it.
  void rebuild();

  /// Gives both descriptors back. If a wake() is under way on another thread the last
  /// one out does so: no byte ever goes to a reused number, and nobody waits.
  void close() noexcept;

  [[nodiscard]] WakerCounters counters() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tornado

#pragma pop_macro("fileno")
