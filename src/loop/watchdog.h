// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "loop/stack_probe.h"
#include "loop/turn_monitor.h"

namespace tornado {

/// A thread that logs a warning with the stack of the loop's thread when a turn lasts
/// longer than the threshold, once per turn, between one and two thresholds after its
/// beginning.
class Watchdog {
 public:
  Watchdog(const TurnMonitor& monitor, std::chrono::nanoseconds threshold);
  /// Joins.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// The thread to look at while the loop runs.
  void watch(pthread_t thread);
  void unwatch();

  [[nodiscard]] std::chrono::nanoseconds threshold() const noexcept {
    return threshold_;
  }

 private:
  void run();
  void report(const std::optional<StackSample>& stack) const noexcept;
  [[nodiscard]] std::string message(const std::optional<StackSample>& stack) const;

  const TurnMonitor& monitor_;
  const std::chrono::nanoseconds threshold_;
  std::mutex mutex_;
  std::condition_variable changed_;
  pthread_t watched_{};
  bool watching_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tornado
