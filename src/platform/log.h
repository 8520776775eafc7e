// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/log.h"

namespace tornado {

void log(LogLevel level, std::string_view message) noexcept;

/// Writes `label`, `message` and a newline by one system call, so that the lines of
/// several threads do not mix. Ignores errors.
void write_line_to_stderr(std::string_view label, std::string_view message) noexcept;

}  // namespace tornado
