// SPDX-License-Identifier: Apache-2.0
#include "table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "statistics.h"

namespace tornado::bench {
namespace {

std::vector<double> values_of(const Json& contestant, const std::string& metric) {
  auto values = contestant["figures"][metric].get<std::vector<double>>();
  return values;
}

/// The first two of ours: more columns than that are hard to read.
std::vector<Json> ours_of(const Json& contest) {
  std::vector<Json> ours;
  for (const Json& one : contest["contestants"]) {
    if (one["role"] == "ours" && ours.size() < 2) ours.push_back(one);
  }
  return ours;
}

std::string label(const Json& contestant) {
  const auto name = contestant["name"].get<std::string>();
  return contestant["role"] == "floor" ? "floor: " + name : name;
}

void print_row(const Json& contestant, const std::string& metric,
               const std::vector<Json>& ours) {
  auto values = values_of(contestant, metric);
  std::ranges::sort(values);
  std::printf("  %-34s %9s  %7s .. %-8s", label(contestant).c_str(),
              number(median(values)).c_str(), number(values.front()).c_str(),
              number(values.back()).c_str());
  for (const Json& one : ours) {
    if (one["name"] == contestant["name"]) {
      std::printf(" %22s", "-");
      continue;
    }
    const Ratio ratio = ratio_of(one, contestant, metric);
    std::printf(" %6.2f [%.2f .. %.2f]", ratio.median, ratio.low, ratio.high);
  }
  std::printf("\n");
}

void print_metric(const Json& contest, const Json& metric) {
  const bool won = metric["better"] != "neither";
  const auto ours = won ? ours_of(contest) : std::vector<Json>();
  const auto text = [](const Json& json) { return json.get<std::string>(); };
  const std::string title =
      text(contest["name"]) + ": " + text(metric["name"]) + ", " + text(metric["unit"]);
  std::printf("%s (%s is better)\n", title.c_str(), text(metric["better"]).c_str());
  std::printf("  %-34s %9s  %-19s", "", "median", "least .. most");
  for (const Json& one : ours) {
    std::printf(" %22s", (text(one["name"]).substr(0, 17) + " / it").c_str());
  }
  std::printf("\n");
  for (const Json& one : contest["contestants"]) {
    if (one["figures"].contains(metric["name"])) print_row(one, metric["name"], ours);
  }
  std::printf("\n");
}

void print_calls(const Json& contest) {
  const auto operation = contest["operation"].get<std::string>();
  if (operation.empty()) return;
  std::printf("%s: system calls per %s\n", contest["name"].get<std::string>().c_str(),
              operation.c_str());
  for (const Json& one : contest["contestants"]) {
    const std::string text = one.contains("calls")
                                 ? calls_text(one["calls"])
                                 : "not countable: tracing is forbidden here";
    std::printf("  %-34s %s\n", label(one).c_str(), text.c_str());
  }
  std::printf("\n");
}

}  // namespace

Ratio ratio_of(const Json& ours, const Json& other, const std::string& metric) {
  const auto a = values_of(ours, metric);
  const auto b = values_of(other, metric);
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (b[i] > 0) ratios.push_back(a[i] / b[i]);
  }
  std::ranges::sort(ratios);
  return {percentile(ratios, 25), percentile(ratios, 50), percentile(ratios, 75)};
}

std::string verdict(const Ratio& ratio, const Json& metric) {
  if (metric["better"] == "neither") return "";
  if (ratio.low <= 1 && ratio.high >= 1) return "even";
  return (ratio.median < 1) == (metric["better"] == "lower") ? "better" : "worse";
}

std::string number(double value) {
  char text[32];
  if (std::abs(value) >= 1000) {
    std::snprintf(text, sizeof text, "%.0f", value);
  } else {
    std::snprintf(text, sizeof text, "%.3g", value);
  }
  return text;
}

std::string calls_text(const Json& calls) {
  std::string text;
  for (const auto& [name, count] : calls.items()) {
    const double value = count.get<double>();
    if (value < 0.005) continue;
    char part[64];
    std::snprintf(part, sizeof part, "%s%s %.2f", text.empty() ? "" : ", ",
                  name.c_str(), value);
    text += part;
  }
  return text.empty() ? "none" : text;
}

void print_contest(const Json& contest) {
  for (const Json& metric : contest["metrics"]) print_metric(contest, metric);
  print_calls(contest);
  std::fflush(stdout);
}

}  // namespace tornado::bench
