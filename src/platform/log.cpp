// SPDX-License-Identifier: Apache-2.0
#include "platform/log.h"

#include <atomic>

namespace tornado {
namespace {

std::atomic<LogSink> current_sink{nullptr};

std::string_view label(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::info:
      return "tornado: ";
    case LogLevel::warning:
      return "tornado: warning: ";
    case LogLevel::error:
      return "tornado: error: ";
  }
  return "tornado: ";
}

}  // namespace

LogSink set_log_sink(LogSink sink) noexcept {
  return current_sink.exchange(sink);
}

void log(LogLevel level, std::string_view message) noexcept {
  if (LogSink sink = current_sink.load()) {
    sink(level, message);
  } else {
    write_line_to_stderr(label(level), message);
  }
}

}  // namespace tornado
