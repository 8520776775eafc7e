// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Reads files of /proc and /sys. Throws std::system_error that names the path.

#include <string>

namespace tornado {

/// A whole file.
std::string read_text(const std::string& path);

/// The target of a link, of any length.
std::string read_link(const std::string& path);

}  // namespace tornado
