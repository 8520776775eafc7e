// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tornado/log.h"

namespace tornado::test {

/// Collects what the library logs, on any thread, while it lives. One at a time.
class LogCapture {
 public:
  struct Record {
    LogLevel level;
    std::string message;
  };

  LogCapture();
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  [[nodiscard]] std::vector<Record> records() const;
  [[nodiscard]] std::size_t count(LogLevel level) const;
  /// Whether a message of that level, or above, has `text` in it.
  [[nodiscard]] bool contains(std::string_view text,
                              LogLevel level = LogLevel::info) const;

 private:
  LogSink before_;
};

}  // namespace tornado::test
