// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "process/stop_signals.h"
#include "tornado/fd.h"

namespace tornado {

struct ForkedWorker {
  int pid = -1;  // 0 in the worker
  UniqueFd process;
};

/// Forks. In the worker, restores the signal dispositions that `signals` replaced
/// before a signal can arrive, and sets the death signal. Throws in the parent only.
ForkedWorker fork_worker(StopSignals& signals, int parent_death_signal);

}  // namespace tornado
