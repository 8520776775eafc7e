// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <mutex>

#include "platform/cloexec.h"
#include "platform/signal_blocker.h"
#include "platform/system_error.h"
#include "process/worker.h"

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

}  // namespace tornado
