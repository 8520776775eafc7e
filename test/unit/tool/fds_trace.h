// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tool/tool.h"

namespace tornado::test {

/// What `tornado fds --json -- fds_child ACTS...` did and said.
struct Trace {
  Finish finish;
  nlohmann::json report;

  /// What came into programs besides the first one, and was not there from the start.
  [[nodiscard]] std::vector<nlohmann::json> leaks() const;
  [[nodiscard]] nlohmann::json origin_of(const nlohmann::json& descriptor) const;
  [[nodiscard]] std::size_t programs() const { return report.at("programs").size(); }
};

Trace trace_child(const std::vector<std::string>& acts, Start start = {});

/// The arguments that make the command follow the test's child.
std::vector<std::string> follow_child(const std::vector<std::string>& acts,
                                      const std::vector<std::string>& options = {});
const char* fds_child_path();

/// For programs of this build that are traced or must not trace: the leak checker of a
/// sanitizer, which traces, would end them with a status of its own.
void without_leak_checker(Start& start);

/// Whether the command was built with libdw.
bool call_sites_known();
/// Whether a function of that name is in the call site; or, if the command cannot know,
/// whether it says nothing.
bool passes_through(const nlohmann::json& origin, const std::string& function);

}  // namespace tornado::test
