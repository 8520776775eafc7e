// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <source_location>
#include <thread>

#include "loop/stack_probe.h"
#include "tornado/time.h"

namespace tornado {

/// What a loop tells its watchdog, for the price of plain stores.
struct TurnMonitor {
  /// Odd while a turn runs, even while the loop sleeps or does not run.
  std::atomic<std::uint64_t> turn{0};
  /// Where the running callback was added. No line: none runs.
  std::atomic<std::source_location> running{};
  /// The watchdog sleeps until a turn begins, and must be told.
  std::atomic<bool> awaited{false};

  /// Whether the watchdog must be told.
  [[nodiscard]] bool begin_turn() noexcept {
    step(1);
    // The watchdog's heavy fence orders these two.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return awaited.load(std::memory_order_relaxed);
  }
  void end_turn() noexcept { step(0); }

 private:
  void step(std::uint64_t parity) noexcept {
    const std::uint64_t now = turn.load(std::memory_order_relaxed);
    if ((now & 1) != parity) turn.store(now + 1, std::memory_order_relaxed);
  }
};

/// A thread that logs a warning with the stack of the loop's thread when a turn lasts
/// longer than the threshold, once per turn, between one and two thresholds after its
/// beginning. It sleeps while the loop does.
class Watchdog {
 public:
  Watchdog(TurnMonitor& monitor, std::chrono::nanoseconds threshold);
  /// Joins.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// The calling thread runs the loop from here on.
  void watch();
  /// Does not wait for a probe that is not answered.
  void unwatch();
  /// The loop's thread, at the beginning of a turn that TurnMonitor::begin_turn()
  /// says is awaited.
  void turn_began();

  [[nodiscard]] std::chrono::nanoseconds threshold() const noexcept {
    return threshold_;
  }

 private:
  void run();
  void await_turn(std::unique_lock<std::mutex>& lock);
  void report(const std::optional<StackSample>& stack) const noexcept;
  [[nodiscard]] std::string message(const std::optional<StackSample>& stack) const;

  TurnMonitor& monitor_;
  const std::chrono::nanoseconds threshold_;
  std::mutex mutex_;
  std::condition_variable changed_;
  ProbedThread watched_;
  std::atomic<bool> hurried_{false};  // a thread waits for the mutex: end the probe
  bool watching_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tornado
