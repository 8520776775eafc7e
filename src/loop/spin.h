// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

#include "tornado/time.h"

namespace tornado {

/// Whether to look again instead of sleeping.
///
/// It pays when something comes within the limit. Each time it does not, twice as many
/// of the next occasions are let go by, up to 256; the first success makes it eager
/// again.
class Spin {
 public:
  explicit Spin(std::chrono::nanoseconds limit) noexcept
      : limit_(std::thread::hardware_concurrency() > 1 ? limit : limit.zero()) {}

  /// After each look. `busy`: there was something to do.
  void looked(bool busy) noexcept {
    if (limit_ <= limit_.zero()) return;
    if (busy) {
      if (spinning_) skipped_after_failure_ = 0;
      begin();
    } else if (spinning_ && Clock::now() >= end_) {
      spinning_ = false;
      skipped_after_failure_ = std::clamp(skipped_after_failure_ * 2, 1, most_skipped);
      to_skip_ = skipped_after_failure_;
    }
  }
  [[nodiscard]] bool on() const noexcept { return spinning_; }

 private:
  void begin() noexcept {
    if (!spinning_ && to_skip_ > 0) {
      --to_skip_;
      return;
    }
    spinning_ = true;
    end_ = Clock::now() + limit_;
  }

  static constexpr int most_skipped = 256;

  const std::chrono::nanoseconds limit_;
  TimePoint end_{};
  int skipped_after_failure_ = 0;
  int to_skip_ = 0;
  bool spinning_ = false;
};

}  // namespace tornado
