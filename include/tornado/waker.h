// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Descriptors that end the sleep of another thread, as a self-pipe does.

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
  best,        ///< the kind in TORNADO_WAKER, or the first of waker_kinds() that works
  eventfd,     ///< one descriptor, a counter in the kernel (Linux)
  kqueue,      ///< one descriptor, EVFILT_USER (BSD, macOS)
  pipe,        ///< Tornado's posix.Waker
  socketpair,  ///< local stream sockets
  tcp_pair,    ///< Tornado's common.Waker: loopback TCP, where no other kind works
};

[[nodiscard]] TORNADO_API std::string_view to_string(WakerKind kind) noexcept;
/// The kinds of this build, best first.
[[nodiscard]] TORNADO_API std::vector<WakerKind> waker_kinds();

/// Counts since construction. Exact while no thread calls wake().
struct WakerCounters {
  std::uint64_t written = 0;    ///< wakes with a system call
  std::uint64_t coalesced = 0;  ///< wakes without a system call
  std::uint64_t rebuilt = 0;    ///< calls of rebuild()
};

/// Ends the sleep of a thread that waits for fileno() to become readable.
///
/// Wakes are coalesced: all wakes before a consume() count as one. The memory of a
/// thread before wake() is visible to the woken thread after consume(), also for
/// coalesced wakes.
///
/// Threads: only the thread that sleeps may call consume() and rebuild(). Any thread
/// may call wake() and close() while the Waker lives. In a forked child, other threads
/// may call only wake() until rebuild() has returned.
class TORNADO_API Waker {
 public:
  /// Throws std::system_error if the kind does not work here, or if no kind works
  /// for `best`. Throws Errc::no_waker if the kind, or TORNADO_WAKER, is not in this
  /// build.
  explicit Waker(WakerKind kind = WakerKind::best);
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  [[nodiscard]] WakerKind kind() const noexcept;
  /// The descriptor to wait for. Readable after wake(). invalid_fd after close().
  [[nodiscard]] NativeFd fileno() const noexcept;
  /// The descriptor that wake() writes to. The same as fileno() for eventfd.
  ///
  /// A C library can wake the thread by one byte. It writes the byte to a pipe or
  /// socketpair, or sends it to a tcp_pair. An eventfd needs eight bytes at a time, and
  /// a kqueue takes none.
  [[nodiscard]] NativeFd write_fileno() const noexcept;

  /// Async-signal-safe and lock-free. Keeps errno, and raises no SIGPIPE. The first
  /// call after consume() writes to the descriptor. Calls during that write do so too,
  /// and later calls do not. Does nothing during and after close(), and in a forked
  /// child before rebuild().
  void wake() noexcept;

  /// Reads all bytes, and then lets the next wake() write again. False if the other end
  /// is dead: call rebuild().
  bool consume() noexcept;

  /// Makes new ends under the same numbers. Call it after consume() returned false, and
  /// in a forked child to own the waker. The number changes for a kqueue in a forked
  /// child, and for both ends on Windows. Remove fileno() from an epoll set before, and
  /// add it after. fileno() is readable then. Throws std::system_error, and then
  /// nothing has changed. The old reading end of a pipe stays open until the next
  /// rebuild() or close(). Another thread may be writing to it.
  void rebuild();

  /// Closes both descriptors. If a wake() is under way on another thread, that thread
  /// closes them. No byte ever goes to a reused number, and no thread waits.
  void close() noexcept;

  [[nodiscard]] WakerCounters counters() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tornado

#pragma pop_macro("fileno")
