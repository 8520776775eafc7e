// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>
#include <utility>

#include "tornado/time.h"

namespace tornado {

/// Decides after each turn whether the loop sleeps or looks again.
///
/// A thread that wakes the loop is busy with the system call for some microseconds. A
/// loop that slept again by then would cost the thread another wake for its next
/// callback. So the loop looks for `pacing` after callbacks of other threads, and for
/// LoopOptions::spin, if it is longer, after any work.
///
/// Looking pays when work arrives within that time. After each failure the policy lets
/// twice as many occasions pass, up to 256. One success makes it eager again.
class SleepPolicy {
 public:
  static constexpr std::chrono::microseconds pacing{10};

  /// The loop sleeps at once.
  SleepPolicy() noexcept : SleepPolicy(false, std::chrono::nanoseconds::zero()) {}
  explicit SleepPolicy(std::chrono::nanoseconds spin) noexcept
      : SleepPolicy(spin > spin.zero(),
                    std::max<std::chrono::nanoseconds>(spin, pacing)) {}

  /// `done` counts what the loop has run since it began. `remote`: the turn ran
  /// callbacks of threads that run on other processors.
  [[nodiscard]] bool may_sleep(std::uint64_t done, bool remote) noexcept {
    const bool worked = std::exchange(done_before_, done) != done;
    if (limit_ <= limit_.zero()) return true;
    if (after_any_work_ ? worked : remote) {
      succeed();
    } else if (spinning_ && Clock::now() >= end_) {
      fail();
    }
    return !spinning_;
  }

 private:
  static constexpr int most_skipped = 256;

  // With one processor, looking keeps the thread that would post from running.
  SleepPolicy(bool after_any_work, std::chrono::nanoseconds limit) noexcept
      : after_any_work_(after_any_work),
        limit_(std::thread::hardware_concurrency() > 1 ? limit : limit.zero()) {}

  void succeed() noexcept {
    if (spinning_) {
      skipped_after_failure_ = 0;
    } else if (to_skip_ > 0) {
      --to_skip_;
      return;
    }
    spinning_ = true;
    end_ = Clock::now() + limit_;
  }
  void fail() noexcept {
    spinning_ = false;
    skipped_after_failure_ = std::clamp(skipped_after_failure_ * 2, 1, most_skipped);
    to_skip_ = skipped_after_failure_;
  }

  const bool after_any_work_;
  const std::chrono::nanoseconds limit_;
  std::uint64_t done_before_ = 0;
  TimePoint end_{};
  int skipped_after_failure_ = 0;
  int to_skip_ = 0;
  bool spinning_ = false;
};

}  // namespace tornado
