// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Lines of source code, as `addr2line` of the binutils tells them.

#include <cstdint>
#include <string>
#include <vector>

namespace tornado::cli {

struct SourceLine {
  std::string file = {};  ///< empty if it is not known
  unsigned line = 0;
};

/// One for each address in the module's file. Remembers its answers.
std::vector<SourceLine> source_lines(const std::string& module,
                                     const std::vector<std::uint64_t>& addresses);

}  // namespace tornado::cli
