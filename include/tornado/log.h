// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Where the library writes its messages.

#include <string_view>

#include "tornado/native.h"

namespace tornado {

enum class LogLevel { info, warning, error };

/// Gets each message. Any thread may call it. The text is valid during the call only.
using LogSink = void (*)(LogLevel level, std::string_view message) noexcept;

/// Sends later messages to `sink`, or to stderr for nullptr. Returns the earlier sink,
/// or nullptr for stderr. Thread-safe.
TORNADO_API LogSink set_log_sink(LogSink sink) noexcept;

}  // namespace tornado
