// SPDX-License-Identifier: Apache-2.0
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>

#include "platform/fd.h"
#include "platform/log.h"
#include "platform/signal_blocker.h"
#include "platform/system_error.h"
#include "process/worker.h"

namespace tornado {
namespace {

// 0 is the pid of a parent outside this pid namespace.
bool is_gone(int parent, const StopSignals& signals) noexcept {
  const int now = ::getppid();
  return now == 0 ? signals.parent_is_gone() : now != parent;
}

void follow(int parent, int signal, const StopSignals& signals) {
  if (signal == 0) return;
  if (::prctl(PR_SET_PDEATHSIG, static_cast<unsigned long>(signal)) == -1) {
    log(LogLevel::warning, "prctl PR_SET_PDEATHSIG: " + last_error().message());
  }
  if (!is_gone(parent, signals)) return;
  ::raise(signal);
  // The first process of a pid namespace survives that.
  if (signal == SIGKILL) ::_exit(128 + SIGKILL);
}

}  // namespace

ForkedWorker fork_worker(StopSignals& signals, int parent_death_signal) {
  const int parent = ::getpid();
  const SignalBlocker blocker;
  ForkedWorker worker;
  worker.pid = ::fork();
  if (worker.pid == -1) throw_errno("fork");
  if (worker.pid == 0) {
    signals.leave();
    follow(parent, parent_death_signal, signals);
  } else {
    worker.process = open_pidfd(worker.pid);
  }
  return worker;
}

}  // namespace tornado
