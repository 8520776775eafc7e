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

/// Skips blank lines and lines that begin with #. Throws UsageError, which names the
/// line, for no name, no command, a name given twice, a NUL byte and an empty file.
std::vector<ProcfileEntry> parse_procfile(std::string_view text);

}  // namespace tornado::cli
