// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Numbers and names as people write and read them.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tornado::cli {

/// "1,234,567"
std::string with_commas(std::uint64_t n);
/// Three digits and a unit: "830 ns", "7.12 us", "1.20 s".
std::string short_time(std::chrono::nanoseconds t);

/// "2.5", "2s", "250ms", "1m"; a bare number is in seconds. Nothing for anything else,
/// negative numbers included.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// The candidate that `word` most likely stood for; empty if none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);
/// "; did you mean epoll?" or, with none near, "; there are epoll, poll and select".
std::string hint(std::string_view word, const std::vector<std::string>& candidates);
/// "epoll, poll and select"
std::string listed(const std::vector<std::string>& words,
                   std::string_view last = "and");

template <class Range>
std::vector<std::string> names_of(const Range& kinds) {
  std::vector<std::string> names;
  for (auto kind : kinds) names.emplace_back(to_string(kind));
  return names;
}

}  // namespace tornado::cli
