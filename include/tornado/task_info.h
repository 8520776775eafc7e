// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The state of a loop's tasks, for diagnostics.

#include <chrono>
#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

#include "tornado/native.h"

namespace tornado {

/// A task that a loop, a group or another task has started, with the tasks it awaits.
struct TaskInfo {
  /// A coroutine, and the place of its last co_await. Line 0 means no co_await yet.
  struct Place {
    std::source_location function;
    std::source_location where;
  };
  std::uint64_t id = 0;
  std::uint64_t awaited_by = 0;  ///< the task that awaits this task, or 0
  std::vector<Place> chain;      ///< outermost first
  std::string waits_for;         ///< "sleep", "readable fd 7"; empty if it is ready
  /// The time since the wait began, at the beginning of the loop's turn.
  std::chrono::milliseconds waiting{0};
};

/// "serve (server.cpp:40) at server.cpp:55 > read (stream.cpp:7) at stream.cpp:9:
/// sleep". The names of functions have no types and no template arguments.
[[nodiscard]] TORNADO_API std::string to_string(const TaskInfo& task);

}  // namespace tornado
