// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace tornado::bench {

/// The smallest of the sorted values that `percent` of them do not exceed.
inline double percentile(const std::vector<double>& sorted, double percent) {
  if (sorted.empty()) return 0;
  const auto rank = std::ceil(percent / 100 * static_cast<double>(sorted.size()));
  const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return sorted[std::min(index, sorted.size() - 1)];
}

inline double median(std::vector<double> values) {
  std::ranges::sort(values);
  return percentile(values, 50);
}

}  // namespace tornado::bench
