// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/log.h"

namespace tornado {

void log(LogLevel level, std::string_view message) noexcept;

}  // namespace tornado
