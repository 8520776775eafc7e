// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "loop/stack_probe.h"
#include "loop/turn_monitor.h"

namespace tornado {

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
