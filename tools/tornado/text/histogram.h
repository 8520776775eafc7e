// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// How often each length of time was seen.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "text/json.h"

namespace tornado::cli {

/// Log-linear: 32 buckets to each power of two, so that a percentile is at most 3.2 %
/// too high. Minimum and maximum are exact. 16 KiB, nothing is allocated.
class Histogram {
 public:
  void record(std::chrono::nanoseconds value) noexcept;
  void add(const Histogram& other) noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::chrono::nanoseconds min() const noexcept;
  [[nodiscard]] std::chrono::nanoseconds max() const noexcept;
  /// No smaller than `percent` of what was recorded; zero if nothing was.
  [[nodiscard]] std::chrono::nanoseconds percentile(double percent) const noexcept;

  /// Calls `f(lowest value of the bucket, count)` for each bucket that is not empty.
  template <class F>
  void each(F f) const {
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      if (buckets_[i] > 0) f(std::chrono::nanoseconds(lowest(i)), buckets_[i]);
    }
  }

  /// {"count", "min_ns", "p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns"}
  [[nodiscard]] Json json() const;

 private:
  static constexpr unsigned sub_bits = 5;
  static constexpr std::uint64_t sub_count = 1u << sub_bits;
  static constexpr unsigned octaves = 40;
  static constexpr std::size_t index_of(std::uint64_t value) noexcept;
  static std::int64_t lowest(std::size_t index) noexcept;

  std::array<std::uint64_t, (octaves + 1) * sub_count> buckets_{};
  std::uint64_t count_ = 0;
  std::int64_t min_ = INT64_MAX;
  std::int64_t max_ = 0;
};

}  // namespace tornado::cli
