// SPDX-License-Identifier: Apache-2.0
#include "text/words.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace tornado::cli {
namespace {

using std::chrono::nanoseconds;

// Insertions, deletions, replacements and swaps of neighbours.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last, last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last = std::exchange(last, row);
  }
  return last[b.size()];
}

std::optional<double> unit_in_seconds(std::string_view unit) {
  constexpr std::array<std::pair<std::string_view, double>, 6> units = {
      {{"", 1}, {"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"m", 60}, {"h", 3600}}};
  for (auto [name, seconds] : units) {
    if (name == unit) return seconds;
  }
  return std::nullopt;
}

}  // namespace

std::string with_commas(std::uint64_t n) {
  const std::string digits = std::to_string(n);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string short_time(nanoseconds t) {
  constexpr std::array<const char*, 4> units = {"ns", "us", "ms", "s"};
  double value = static_cast<double>(t.count());
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  const int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f} {}", value, decimals, units[unit]);
}

std::optional<nanoseconds> parse_duration(std::string_view text) {
  const auto end = std::min(text.find_first_not_of("0123456789."), text.size());
  if (end == 0 || end > 12 || std::count(text.begin(), text.end(), '.') > 1) {
    return std::nullopt;
  }
  const auto unit = unit_in_seconds(text.substr(end));
  const std::string number(text.substr(0, end));
  if (!unit || number == ".") return std::nullopt;
  const double seconds = std::stod(number) * *unit;
  if (seconds > 1e9) return std::nullopt;
  return nanoseconds(std::llround(seconds * 1e9));
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = word.size() + 1;
  for (const auto& candidate : candidates) {
    const bool begins = word.size() >= 2 && candidate.starts_with(word);
    const std::size_t distance = begins ? 1 : edit_distance(word, candidate);
    // A letter in three may be wrong.
    const std::size_t longer = std::max(word.size(), candidate.size());
    if (distance <= std::max<std::size_t>(1, longer / 3) && distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string hint(std::string_view word, const std::vector<std::string>& candidates) {
  if (auto best = nearest(word, candidates); !best.empty()) {
    return fmt::format("; did you mean {}?", best);
  }
  return fmt::format("; there {} {}", candidates.size() == 1 ? "is" : "are",
                     listed(candidates));
}

std::string listed(const std::vector<std::string>& words, std::string_view last) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? fmt::format(" {} ", last) : ", ";
    text += words[i];
  }
  return text;
}

}  // namespace tornado::cli
