// SPDX-License-Identifier: Apache-2.0
#include "text/chart.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "text/words.h"

namespace tornado::cli {
namespace {

constexpr std::size_t rows = 4;
constexpr std::size_t indent = 2;
constexpr std::size_t gap = 2;

using Blocks = std::vector<const char*>;

const Blocks& blocks(bool utf8) {
  static const Blocks unicode = {" ",      "\u2581", "\u2582", "\u2583", "\u2584",
                                 "\u2585", "\u2586", "\u2587", "\u2588"};
  static const Blocks ascii = {" ", ".", ":", "|"};
  return utf8 ? unicode : ascii;
}

// From 10^low to 10^high nanoseconds.
struct Scale {
  int low;
  int high;
  std::size_t columns;  // in all, a multiple of the number of decades

  [[nodiscard]] std::size_t decades() const {
    return static_cast<std::size_t>(high - low);
  }
  [[nodiscard]] std::size_t column(std::chrono::nanoseconds t) const {
    const double log =
        std::log10(static_cast<double>(std::max<std::int64_t>(t.count(), 1)));
    const double at = (log - low) / (high - low) * static_cast<double>(columns);
    return static_cast<std::size_t>(
        std::clamp(at, 0.0, static_cast<double>(columns - 1)));
  }
};

Scale scale_for(const std::vector<Chart>& charts, std::size_t width) {
  Histogram all;
  for (const auto& chart : charts) all.add(*chart.histogram);
  auto log = [&](double percent) {
    const auto ns = std::max<std::int64_t>(all.percentile(percent).count(), 1);
    return std::log10(static_cast<double>(ns));
  };
  Scale scale{static_cast<int>(std::floor(log(0.1))),
              static_cast<int>(std::ceil(log(99.9))), 0};
  scale.high = std::max(scale.high, scale.low + 2);
  const std::size_t n = charts.size();
  const std::size_t room = (width - indent - (n - 1) * gap) / n;
  // No finer than the histogram's own buckets.
  const std::size_t each = std::clamp<std::size_t>(room / scale.decades(), 1, 24);
  scale.columns = scale.decades() * each;
  return scale;
}

std::vector<double> heights(const Histogram& histogram, const Scale& scale) {
  std::vector<double> height(scale.columns);
  histogram.each([&](std::chrono::nanoseconds low, std::uint64_t count) {
    height[scale.column(low)] += static_cast<double>(count);
  });
  const double most = *std::max_element(height.begin(), height.end());
  if (most > 0) {
    for (double& h : height) h /= most;
  }
  return height;
}

// The row's part of the columns. A column that is not zero shows in the lowest row.
std::string line_of(const std::vector<double>& height, std::size_t row, bool utf8) {
  const Blocks& block = blocks(utf8);
  const std::size_t steps = block.size() - 1;
  std::string line;
  for (const double h : height) {
    auto level =
        static_cast<std::size_t>(std::lround(h * static_cast<double>(rows * steps)));
    if (h > 0) level = std::max<std::size_t>(level, 1);
    const std::size_t below = row * steps;
    line += block[level <= below ? 0 : std::min(level - below, steps)];
  }
  return line;
}

std::string axis(const Scale& scale, bool utf8) {
  const std::size_t each = scale.columns / scale.decades();
  std::string line;
  for (std::size_t i = 0; i < scale.columns; ++i) {
    line += i % each == 0 ? (utf8 ? "\u2514" : "+") : (utf8 ? "\u2500" : "-");
  }
  return line;
}

std::string label(int power) {
  constexpr std::array<const char*, 4> units = {"ns", "us", "ms", "s"};
  const auto unit = std::min<std::size_t>(static_cast<std::size_t>(power) / 3, 3);
  const auto rest = power - static_cast<int>(unit) * 3;
  return fmt::format("{}{}", std::lround(std::pow(10, rest)), units[unit]);
}

std::string labels(const Scale& scale) {
  const std::size_t each = scale.columns / scale.decades();
  std::string line;
  for (int power = scale.low; power < scale.high; ++power) {
    const auto at = static_cast<std::size_t>(power - scale.low) * each;
    const std::string text = label(power);
    // Where decades are narrow, not every one has room for its name.
    if (at > 0 && line.size() >= at) continue;
    if (at + text.size() <= scale.columns) line.append(at - line.size(), ' ') += text;
  }
  line.resize(scale.columns, ' ');
  return line;
}

}  // namespace

void draw(Output& out, const std::vector<Chart>& charts) {
  const bool utf8 = out.terminal().utf8;
  const unsigned width = out.terminal().width > 0 ? out.terminal().width : 80;
  const Scale scale = scale_for(charts, width);
  const std::string margin(indent, ' ');
  const std::string between(gap, ' ');

  auto each = [&](auto text) {
    std::string line = margin;
    for (const auto& chart : charts) line += text(chart) + between;
    line.erase(line.find_last_not_of(' ') + 1);
    out.print("{}\n", line);
  };
  each([&](const Chart& chart) {
    return fmt::format("{:<{}}", chart.title, scale.columns);
  });
  for (std::size_t row = rows; row-- > 0;) {
    each([&](const Chart& chart) {
      return line_of(heights(*chart.histogram, scale), row, utf8);
    });
  }
  each([&](const Chart&) { return axis(scale, utf8); });
  each([&](const Chart&) { return labels(scale); });
}

}  // namespace tornado::cli
