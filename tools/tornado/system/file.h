// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace tornado::cli {

/// All of a file. From a pipe, it waits for the end. Throws std::system_error.
std::string read_file(const std::string& path);

}  // namespace tornado::cli
