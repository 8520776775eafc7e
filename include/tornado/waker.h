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
/// did before wake() happens-before what the woken thread does after consume(),
/// answer() or disarm(), also when that wake was coalesced with another's.
///
/// One thread sleeps: it alone calls consume(), answer(), arm(), disarm() and
/// rebuild(). wake() and close() may be called by any thread at any time while the
/// Waker lives. In a forked child, until rebuild() has returned, others may call wake()
/// alone.
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
  [[nodiscard]] NativeFd write_fileno() const noexcept;

  /// Async-signal-safe, lock-free, keeps errno, raises no SIGPIPE of its own making.
  /// Writes at most once until the sleeper answers, and not at all while it is
  /// disarmed. Harmless during and after close(), and in a forked child, where it does
  /// nothing: the waker is the parent's.
  void wake() noexcept;

  /// Reads everything there is, then lets the next wake() write again; in this order,
  /// or a wake is lost. False if the other end is dead and rebuild() is due.
  bool consume() noexcept;

  /// For a loop that wants wakes to be free while it is awake. disarm() after waking
  /// and before looking at what the wakers published: from then on wake() makes no
  /// system call. arm() just before sleeping: false means that a wake came meanwhile,
  /// so look again instead of sleeping. Neither reads fileno(). answer() reads as
  /// consume() does, and disarms instead: a sleep costs the wakers one write at most.
  [[nodiscard]] bool arm() noexcept;
  void disarm() noexcept;
  bool answer() noexcept;

  /// For a loop that sleeps where a message can reach it: threads that are able to send
  /// one to `door` do that instead of writing to write_fileno(). Empty: no more.
  /// rebuild() forgets it.
  void set_door(UniqueFd door);

  /// Makes new ends under the same numbers, after consume() returned false, or in a
  /// forked child to make the waker its own; there, a kqueue has another number, and so
  /// have both ends on Windows. Take
  /// fileno() out of an epoll set before, and put it in after. The next arm() returns
  /// false. Throws std::system_error, and then nothing has changed. The old reading end
  /// of a pipe stays open until the next rebuild() or close(): a wake() may be writing.
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
