// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tornado::cli {

/// A line of a Procfile: "web: bundle exec rails server".
struct ProcfileEntry {
  std::string name;
  std::string command;  ///< for the shell
};

/// Blank lines and those that begin with # do not count. Throws UsageError, which names
/// the line: no name, no command, a name twice, a NUL byte, nothing at all.
std::vector<ProcfileEntry> parse_procfile(std::string_view text);

}  // namespace tornado::cli
