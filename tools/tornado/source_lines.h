// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Lines of source code, as `addr2line` of the binutils tells them.

#include <cstdint>
#include <string>

namespace tornado::cli {

struct SourceLine {
  std::string file = {};  ///< empty if it is not known
  unsigned line = 0;
};

/// Remembers its answers.
SourceLine source_line(const std::string& module, std::uint64_t address);

}  // namespace tornado::cli
