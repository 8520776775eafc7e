// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "process/stop_signals.h"
#include "tornado/fd.h"

namespace tornado {

struct ForkedWorker {
  int pid = -1;  // 0 in the worker
  UniqueFd process;
};

/// Forks. In the worker the dispositions of before `signals` are back before any signal
/// can arrive, and the death signal is set. Throws in the parent only.
ForkedWorker fork_worker(StopSignals& signals, int parent_death_signal);

}  // namespace tornado
