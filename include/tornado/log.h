// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Where the library's few messages go.

#include <string_view>

#include "tornado/native.h"

namespace tornado {

enum class LogLevel { info, warning, error };

/// Called from any thread, with text that is valid during the call only.
using LogSink = void (*)(LogLevel level, std::string_view message) noexcept;

/// Sends messages to `sink` from now on, or to stderr again with nullptr. Returns the
/// sink that was there before (nullptr for stderr). Thread-safe.
TORNADO_API LogSink set_log_sink(LogSink sink) noexcept;

}  // namespace tornado
