// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>

#include "loop/callback_list.h"
#include "platform/spin_lock.h"
#include "platform/std_atomics.h"

namespace tornado {

/// Many threads push; one takes everything at once. One order over all threads: what
/// was pushed before another push was heard of is also taken before it.
///
/// A lock and a list of chunks: a node per post loses to them, since its memory is got
/// on one thread and freed on another, and the consumer chases the producers' cache
/// lines. The consumer's own pushes go to a second list without the lock. It fetches
/// what others have pushed before it adds to it, so that the order is kept.
class CallbackQueue {
 public:
  struct Pushed {
    bool accepted;            ///< False if closed: the callback was not touched.
    std::uint64_t sleep = 0;  ///< From which to wake the consumer; telling() counts it.
  };

  Pushed push(Callback&& callback, const std::source_location& where);

  /// How many are about to tell the consumer. A push that has to counts itself before
  /// the consumer can see its callback, and its caller subtracts it afterwards.
  [[nodiscard]] std::atomic<std::uint32_t>& telling() noexcept { return telling_; }

  /// After the consumer was told: later pushes need not wake it from that sleep.
  void set_woken(std::uint64_t sleep) noexcept {
    woken_from_.store(sleep, std::memory_order_relaxed);
  }

  // The consumer's thread.

  void push_own(Callback&& callback, const std::source_location& where);
  /// Makes what others have pushed the consumer's own, as push_own() and take() do when
  /// there is some.
  void fetch();
  /// Before a sleep: pushes report it until the next fetch(). False if there are
  /// callbacks of others.
  [[nodiscard]] bool fall_asleep() noexcept;
  /// Swaps what is there into `batch`, which must be empty.
  void take(CallbackList& batch);

  /// Refuses from now on. Gives what was there back, to be destroyed outside the lock.
  [[nodiscard]] CallbackList close();

  /// In a forked child, where the thread that held the lock does not exist. False if
  /// one did: what was queued may be half written, and is abandoned.
  bool after_fork();

  /// How many of others' callbacks the last take() or the pushes since then brought.
  [[nodiscard]] std::size_t fetched() const noexcept { return fetched_; }

  /// Any thread.
  [[nodiscard]] std::size_t size() const noexcept {
    return others_.load(std::memory_order_relaxed) +
           own_size_.load(std::memory_order_relaxed);
  }

 private:
  struct Guarded {
    SpinLock<StdAtomics> lock;
    CallbackList items;
    std::uint64_t sleep = 0;
    bool closed = false;
  };

  std::unique_ptr<Guarded> guarded_ = std::make_unique<Guarded>();
  std::atomic<std::size_t> others_{0};  // how many are guarded
  std::atomic<std::uint32_t> telling_{0};
  std::atomic<std::uint64_t> woken_from_{0};
  CallbackList own_;
  std::atomic<std::size_t> own_size_{0};
  std::size_t fetched_ = 0;
  std::uint64_t sleeps_ = 0;
};

}  // namespace tornado
