// SPDX-License-Identifier: Apache-2.0
#include "tool/fds_trace.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tornado::test {

const char* fds_child_path() {
  return FDS_CHILD;
}

std::vector<std::string> follow_child(const std::vector<std::string>& acts,
                                      const std::vector<std::string>& options) {
  std::vector<std::string> words = {"fds"};
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), {"--", fds_child_path()});
  words.insert(words.end(), acts.begin(), acts.end());
  return words;
}

Trace trace_child(const std::vector<std::string>& acts, Start start) {
  start.arguments = follow_child(acts, {"--json"});
  Trace trace = {run_tornado(start), {}};
  trace.report = nlohmann::json::parse(trace.finish.err, nullptr, false);
  EXPECT_FALSE(trace.report.is_discarded()) << trace.finish.err;
  return trace;
}

std::vector<nlohmann::json> Trace::leaks() const {
  std::vector<nlohmann::json> found;
  for (const auto& program : report.at("programs")) {
    for (const auto& descriptor : program.at("descriptors")) {
      if (descriptor.at("verdict") == "leaks") found.push_back(descriptor);
    }
  }
  return found;
}

nlohmann::json Trace::origin_of(const nlohmann::json& descriptor) const {
  const auto& number = descriptor.at("origin");
  if (number.is_null()) return nullptr;
  return report.at("origins").at(number.get<std::size_t>());
}

void without_leak_checker(Start& start) {
  start.environment["ASAN_OPTIONS"] = "detect_leaks=0";
}

bool call_sites_known() {
  return TORNADO_CALL_SITES;
}

bool passes_through(const nlohmann::json& origin, const std::string& function) {
  const auto& site = origin.at("site");
  if (!call_sites_known()) return site.empty();
  return std::any_of(site.begin(), site.end(), [&](const auto& place) {
    return place.at("function") == function;
  });
}

}  // namespace tornado::test
