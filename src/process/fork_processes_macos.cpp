// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <mutex>

#include "platform/cloexec.h"
#include "platform/signal_blocker.h"
#include "platform/system_error.h"
#include "process/fork_processes.h"
#include "tornado/fork_processes.h"

namespace tornado {

ForkedWorker fork_worker(StopSignals& signals, int parent_death_signal) {
  if (parent_death_signal != 0) {
    throw_error(std::make_error_code(std::errc::not_supported),
                "fork_processes: parent_death_signal");
  }
  const SignalBlocker blocker;
  // Or the worker might have a descriptor that never gets its flag, and hand it on to
  // what it executes.
  const std::unique_lock no_new_descriptors(cloexec_lock());
  ForkedWorker worker;
  worker.pid = ::fork();
  if (worker.pid == -1) throw_errno("fork");
  if (worker.pid == 0) signals.leave();
  return worker;
}

int cpu_count() {
  return std::max(1, static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
}

}  // namespace tornado
