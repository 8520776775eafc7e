// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <limits>
#include <string>

namespace tornado::cli {

/// Reads a file to its end, or until it has read `most` bytes or a few more. Waits for
/// the writer of a pipe. Throws std::system_error.
std::string read_file(const std::string& path,
                      std::size_t most = std::numeric_limits<std::size_t>::max());

}  // namespace tornado::cli
