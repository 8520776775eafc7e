// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "fuzz/input.h"

namespace tornado::fuzz {

inline constexpr std::size_t kinds_of_each = 2;  // semaphores, locks, queues, ...

/// What a task does next. `what` says which of the semaphores, locks and so on;
/// `script` and `other` are what the tasks of it play.
struct TaskOp {
  enum Kind : std::uint8_t {
    sleep,
    moment,
    fail,
    acquire,
    release,
    hold,  // a lock, while `script` is played
    put,
    get,
    put_nowait,
    get_nowait,
    task_done,
    join_queue,
    wait_event,
    set_event,
    clear_event,
    wait_condition,
    notify,
    notify_all,
    start,
    cancel,
    join_group,
    call,
    call_shielded,
    call_in_time,
    call_both,
    call_first,
    kinds
  };
  Kind kind = sleep;
  std::uint8_t what = 0;
  std::uint8_t delay = 0;    // in milliseconds: of a sleep, or a deadline
  std::int8_t timeout = -1;  // in milliseconds; -1: none
  std::uint8_t script = 0;
  std::uint8_t other = 0;
  bool catches = false;  // the task goes on after a failure
};

/// Scripts play scripts of higher numbers only.
struct TaskProgram {
  std::vector<std::vector<TaskOp>> scripts;
  std::array<int, kinds_of_each> permits{};
  std::array<int, kinds_of_each> maxsizes{};
  unsigned roots = 1;
};

TaskProgram decode_tasks(Input& input);
std::string to_text(const TaskProgram& program);

/// What came of an operation.
enum class TaskResult : std::uint8_t {
  done,
  timed_out,
  thrown,
  full,
  empty,
  deadlock,
  invalid,
  cancelled  // and above: by the reason
};

constexpr int code(TaskResult result) {
  return static_cast<int>(result);
}

/// What was heard while a program was played.
struct TaskTrace {
  struct Line {
    std::int64_t at = 0;  // in milliseconds from the begin
    int task = 0;         // in the order in which they began
    int op = 0;
    int result = 0;
    int value = 0;
    bool operator==(const Line&) const = default;
  };
  std::vector<Line> lines;
  int reports = 0;          // of failures that no task has caught
  std::vector<int> at_end;  // what is left in the semaphores, locks and queues

  bool operator==(const TaskTrace&) const = default;
};

/// Operations that a program may begin, so that each ends, and no task uses its time
/// up.
inline constexpr int most_task_ops = 60;

TaskTrace play_for_real(const TaskProgram& program);
TaskTrace play_as_promised(const TaskProgram& program);

/// Plays both, and aborts where they differ. The number of operations.
std::size_t compare_tasks(const TaskProgram& program);

}  // namespace tornado::fuzz
