// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "platform/fork_epoch.h"
#include "platform/std_atomics.h"
#include "platform/wake_mechanism.h"
#include "platform/wake_protocol.h"
#include "tornado/waker.h"

namespace tornado {

/// The descriptors of a waker. replace() keeps their numbers, or else keeps the old
/// ends open, so that a wake() under way on another thread never writes to a foreign
/// file.
class WakeEnds {
 public:
  explicit WakeEnds(const WakeMechanism& mechanism)
      : WakeEnds(mechanism, mechanism.open()) {}
  WakeEnds(const WakeMechanism& mechanism, FdPair ends) noexcept;

  WakerKind kind() const noexcept { return mechanism_.kind; }
  NativeFd reader() const noexcept { return reader_.load(); }
  /// The reader itself, if one descriptor is both.
  NativeFd writer() const noexcept {
    const NativeFd own = writer_.load();
    return own == invalid_fd ? reader() : own;
  }

  static std::uint64_t process() noexcept { return fork_epoch(); }
  void signal() noexcept;
  bool drain() noexcept;
  FdPair open() const { return mechanism_.open(); }
  void set_port(WakePort port);
  void replace(FdPair fresh);
  void release() noexcept;

 private:
  void put(std::atomic<NativeFd>& end, UniqueFd fresh);
  void keep_old_reader();
  /// In a forked child that did not inherit the ends: their numbers are free, or
  /// foreign.
  bool lost() const noexcept { return !mechanism_.inherited && epoch_ != process(); }

  const WakeMechanism& mechanism_;
  std::atomic<std::uint64_t> epoch_{process()};
  std::atomic<NativeFd> reader_{invalid_fd};
  std::atomic<NativeFd> writer_{invalid_fd};
  std::atomic<WakePort::Post> post_{nullptr};
  std::atomic<NativeFd> port_{invalid_fd};
  std::atomic<NativeFd> old_port_{invalid_fd};  // a wake() may still use it
  std::atomic<NativeFd> old_reader_{invalid_fd};
  std::vector<UniqueFd> replaced_;  // a wake() may still use them by their numbers
};

/// The waker of a loop, which wakes for free while it is awake. Threads and signals as
/// for Waker; only the sleeper calls arm(), disarm(), drain_and_disarm() and
/// set_port().
///
/// The sleeper calls disarm() after it wakes and before it looks at what was published:
/// from then on wake() makes no system call. It calls arm() just before it sleeps:
/// false means that a wake has come since, and the sleeper has to look again. Neither
/// reads fileno(). drain_and_disarm() reads as consume() does, and disarms instead.
class LoopWaker : public WakeProtocol<StdAtomics, WakeEnds> {
 public:
  /// Throws as Waker does.
  explicit LoopWaker(WakerKind kind = WakerKind::best) : LoopWaker(open(kind)) {}
  ~LoopWaker() { close(); }
  LoopWaker(const LoopWaker&) = delete;
  LoopWaker& operator=(const LoopWaker&) = delete;

  [[nodiscard]] WakerKind kind() const noexcept { return ends().kind(); }
  [[nodiscard]] NativeFd fileno() const noexcept { return ends().reader(); }
  [[nodiscard]] NativeFd write_fileno() const noexcept { return ends().writer(); }
  [[nodiscard]] WakerCounters counters() const noexcept {
    return {written(), coalesced(), rebuilt()};
  }

  /// From then on a wake posts to `port`, and writes to write_fileno() only if that
  /// fails. An empty port ends this, and so does rebuild().
  void set_port(WakePort port) { ends().set_port(std::move(port)); }

 private:
  using Opened = std::pair<const WakeMechanism*, FdPair>;
  static Opened open(WakerKind kind);
  explicit LoopWaker(Opened opened)
      : WakeProtocol(*opened.first, std::move(opened.second)) {}
};

}  // namespace tornado
