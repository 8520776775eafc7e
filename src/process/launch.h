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

/// The same for a process that `make` makes, which may share this memory or not. It
/// throws if it cannot, and is called once.
Launched launch_with_pipe(ChildTask& task, Launched (*make)(ChildTask&));

/// A descriptor of a process that has not been reaped. Empty where the kernel has none
/// or refuses it. Linux only.
UniqueFd open_pidfd(int pid) noexcept;

/// How Linux makes children, as the children of this process have shown so far.
struct LaunchMeans {
  bool memory_shared = true;         ///< clone(CLONE_VM); false under valgrind
  bool descriptors_unshared = true;  ///< close_range(CLOSE_RANGE_UNSHARE) on clone
  bool pidfd_at_birth = true;        ///< CLONE_PIDFD
};
[[nodiscard]] LaunchMeans launch_means() noexcept;

}  // namespace tornado
