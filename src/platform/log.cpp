// SPDX-License-Identifier: Apache-2.0
#include "platform/log.h"

#include <sys/uio.h>
#include <unistd.h>

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

iovec piece(std::string_view text) noexcept {
  return {const_cast<char*>(text.data()), text.size()};
}

// One call, so that lines of several threads do not mix; a stderr that cannot take it
// has nobody left to be told.
void to_stderr(LogLevel level, std::string_view message) noexcept {
  const iovec pieces[] = {piece(label(level)), piece(message), piece("\n")};
  [[maybe_unused]] auto written = ::writev(STDERR_FILENO, pieces, 3);
}

}  // namespace

LogSink set_log_sink(LogSink sink) noexcept {
  return current_sink.exchange(sink);
}

void log(LogLevel level, std::string_view message) noexcept {
  if (LogSink sink = current_sink.load()) {
    sink(level, message);
  } else {
    to_stderr(level, message);
  }
}

}  // namespace tornado
