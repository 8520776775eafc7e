// SPDX-License-Identifier: Apache-2.0
#include "text/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace tornado::cli {

using std::chrono::nanoseconds;

// Values below 32 have a bucket each. Above, the five bits behind the leading one
// choose among the buckets of its octave.
constexpr std::size_t Histogram::index_of(std::uint64_t value) noexcept {
  if (value < sub_count) return value;
  const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - sub_bits - 1;
  const std::size_t index = (shift + 1) * sub_count + (value >> shift) - sub_count;
  return std::min<std::size_t>(index, (octaves + 1) * sub_count - 1);
}

std::int64_t Histogram::lowest(std::size_t index) noexcept {
  const std::size_t octave = index / sub_count;
  const std::size_t sub = index % sub_count;
  if (octave == 0) return static_cast<std::int64_t>(sub);
  return static_cast<std::int64_t>((sub_count + sub) << (octave - 1));
}

void Histogram::record(nanoseconds value) noexcept {
  const std::int64_t ns = std::max<std::int64_t>(value.count(), 0);
  ++buckets_[index_of(static_cast<std::uint64_t>(ns))];
  ++count_;
  min_ = std::min(min_, ns);
  max_ = std::max(max_, ns);
}

void Histogram::add(const Histogram& other) noexcept {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

nanoseconds Histogram::min() const noexcept {
  return nanoseconds(count_ ? min_ : 0);
}
nanoseconds Histogram::max() const noexcept {
  return nanoseconds(max_);
}

nanoseconds Histogram::percentile(double percent) const noexcept {
  if (count_ == 0) return nanoseconds(0);
  const double exact = std::ceil(percent / 100 * static_cast<double>(count_));
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(exact));
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    below += buckets_[i];
    if (below >= rank) return nanoseconds(std::clamp(lowest(i + 1) - 1, min_, max_));
  }
  return max();
}

Json Histogram::json() const {
  Json out;
  out.set("count", count_);
  out.set("min_ns", min().count());
  out.set("p50_ns", percentile(50).count());
  out.set("p90_ns", percentile(90).count());
  out.set("p99_ns", percentile(99).count());
  out.set("p999_ns", percentile(99.9).count());
  out.set("max_ns", max().count());
  return out;
}

}  // namespace tornado::cli
