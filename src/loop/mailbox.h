// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <thread>

#include "loop/callback_queue.h"
#include "loop/signal_ring.h"
#include "platform/fork_epoch.h"
#include "platform/loop_waker.h"
#include "platform/thread.h"
#include "tornado/arrival.h"

namespace tornado {

class IOLoop;

/// All of a loop that other threads and signal handlers touch. Lives as long as the
/// last LoopHandle.
class Mailbox {
 public:
  explicit Mailbox(WakerKind kind);
  /// Waits for the threads that are still about to wake the loop: what they did may
  /// have ended it.
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // Any thread. False if closed or the parent process's.
  bool post(Callback&& callback, const std::source_location& where);
  bool post(std::shared_ptr<detail::Arrival> arrival) noexcept;

  // Any thread, any signal handler.
  bool post_from_signal(void (*invoke)(void*), const void* bytes,
                        std::size_t size) noexcept;
  void notify_signal(int signal) noexcept;
  void stop() noexcept;
  [[nodiscard]] bool closed() const noexcept { return closed_.load() || !ours(); }
  /// Whether this process made the loop, or took it over.
  [[nodiscard]] bool ours() const noexcept {
    return epoch_.load(std::memory_order_acquire) == fork_epoch();
  }
  /// Whether this thread runs the loop.
  [[nodiscard]] bool runs_here() const noexcept {
    return runner_.load(std::memory_order_relaxed) == std::this_thread::get_id();
  }
  /// Whether another thread runs the loop or, in a forked child, did at the fork.
  [[nodiscard]] bool runs_elsewhere() const noexcept {
    const std::thread::id runner = runner_.load(std::memory_order_relaxed);
    return runner != std::thread::id() && runner != std::this_thread::get_id();
  }
  /// Whether this thread may use the loop now.
  [[nodiscard]] bool usable_here() const noexcept {
    return !closed() && !runs_elsewhere();
  }
  /// Null once the loop is closed.
  [[nodiscard]] IOLoop* loop() const noexcept {
    return closed_.load() ? nullptr : owner();
  }
  /// Null once the loop has nothing left that can be taken back.
  [[nodiscard]] IOLoop* owner() const noexcept { return loop_.load(); }

  // The loop's thread.
  /// Whether the thread that woke the loop last ran on this processor.
  [[nodiscard]] bool woken_from_here() const noexcept {
    const int cpu = waking_cpu_.load(std::memory_order_relaxed);
    return cpu != -1 && cpu == current_cpu();
  }
  void set_owner(IOLoop* loop) noexcept { loop_.store(loop); }
  void set_runner(std::thread::id runner) noexcept { runner_.store(runner); }
  [[nodiscard]] LoopWaker& waker() noexcept { return waker_; }
  [[nodiscard]] CallbackQueue& queue() noexcept { return queue_; }
  [[nodiscard]] SignalRing& ring() noexcept { return ring_; }
  [[nodiscard]] bool stop_requested() const noexcept { return stop_.load(); }
  bool take_stop() noexcept {
    // The exchange costs as much as a turn's other looks together.
    if (!stop_.load()) return false;
    // Not a store: another stop may be taken along, and what came before it is seen.
    stop_.exchange(false);
    return true;
  }
  /// Calls `f(signal)` for each that was notified since the last time. A signal counts
  /// as taken when its call begins: an exception leaves the later ones for the next.
  template <class F>
  void take_signals(F f) {
    for (std::size_t word = 0; word < signals_.size(); ++word) {
      const std::uint64_t bits = signals_[word].load(std::memory_order_relaxed);
      if (bits == 0) continue;
      for (int bit = 0; bit < 64; ++bit) {
        if (~bits >> bit & 1) continue;
        signals_[word].fetch_and(~(std::uint64_t{1} << bit));
        f(static_cast<int>(word) * 64 + bit);
      }
    }
  }
  /// Has everything arrive that was sent, in that order.
  void take_arrivals() noexcept;
  /// Refuses from now on, closes the waker, destroys what was queued.
  void close();
  /// In a forked child, and again if that failed, or if what comes after it fails: the
  /// waker is rebuilt, and locks of the parent's threads are forgotten. False if
  /// callbacks were lost.
  bool renew();
  /// After renew(): from here on other threads may post.
  void take_over() noexcept;

 private:
  class Closed;
  static detail::Arrival* closed_mark() noexcept;
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

  class WakeDue;

  LoopWaker waker_;
  CallbackQueue queue_;
  SignalRing ring_;
  std::atomic<detail::Arrival*> arrivals_{nullptr};  // the last first
  std::array<std::atomic<std::uint64_t>, (NSIG + 63) / 64> signals_{};
  std::atomic<bool> stop_{false};
  std::atomic<bool> closed_{false};
  std::atomic<IOLoop*> loop_{nullptr};
  std::atomic<std::thread::id> runner_{};  // none unless the loop runs
  std::atomic<std::uint64_t> epoch_;
  std::atomic<int> waking_cpu_{-1};  // of the last post that woke the loop
};

}  // namespace tornado
