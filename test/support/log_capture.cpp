// SPDX-License-Identifier: Apache-2.0
#include "support/log_capture.h"

#include <algorithm>
#include <mutex>

namespace tornado::test {
namespace {

struct Store {
  std::mutex mutex;
  std::vector<LogCapture::Record> records;
};

Store& store() {
  static Store the_store;
  return the_store;
}

void collect(LogLevel level, std::string_view message) noexcept {
  const std::lock_guard lock(store().mutex);
  store().records.push_back({level, std::string(message)});
}

}  // namespace

LogCapture::LogCapture() : before_(nullptr) {
  {
    const std::lock_guard lock(store().mutex);
    store().records.clear();
  }
  before_ = set_log_sink(&collect);
}

LogCapture::~LogCapture() {
  set_log_sink(before_);
}

std::vector<LogCapture::Record> LogCapture::records() const {
  const std::lock_guard lock(store().mutex);
  return store().records;
}

std::size_t LogCapture::count(LogLevel level) const {
  const auto all = records();
  return static_cast<std::size_t>(std::count_if(
      all.begin(), all.end(), [level](const Record& r) { return r.level == level; }));
}

bool LogCapture::contains(std::string_view text, LogLevel level) const {
  const auto all = records();
  return std::any_of(all.begin(), all.end(), [&](const Record& r) {
    return r.level >= level && r.message.find(text) != std::string::npos;
  });
}

}  // namespace tornado::test
