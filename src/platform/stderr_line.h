// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace tornado {

/// `label`, `message` and the end of a line, in one call, so that lines of several
/// threads do not mix. A stderr that cannot take it has nobody left to be told.
void write_line_to_stderr(std::string_view label, std::string_view message) noexcept;

}  // namespace tornado
