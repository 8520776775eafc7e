// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "process/child_task.h"
#include "tornado/fd.h"

namespace tornado {

struct Launched {
  int pid = -1;
  UniqueFd process;  // empty where the system has no such descriptor
};

/// Makes a process that does the task. If it could not, `task.report` says why, the
/// process is gone and reaped, and pid is -1. Throws if no process could be made.
Launched launch(ChildTask& task);

/// The same with what every system has: fork, and a pipe for the report. The cost grows
/// with the memory of this process.
Launched launch_by_fork(ChildTask& task);

/// Empty where there is no such thing.
UniqueFd open_pidfd(int pid) noexcept;

}  // namespace tornado
