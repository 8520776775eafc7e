// SPDX-License-Identifier: Apache-2.0
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "platform/descriptors.h"
#include "platform/system_error.h"
#include "process/signal_blocker.h"
#include "process/system_call_linux.h"
#include "process/worker.h"

namespace tornado {
namespace {

void follow(int parent, int signal) noexcept {
  if (signal == 0) return;
  ::prctl(PR_SET_PDEATHSIG, static_cast<unsigned long>(signal));
  if (::getppid() != parent) ::raise(signal);  // it was gone before
}

}  // namespace

ForkedWorker fork_worker(StopSignals& signals, int parent_death_signal) {
  const int parent = ::getpid();
  const SignalBlocker blocker;
  ForkedWorker worker;
  worker.pid = ::fork();
  if (worker.pid == -1) throw_errno("fork");
  if (worker.pid == 0) {
    signals.restore();
    follow(parent, parent_death_signal);
  } else {
    const long fd = system_call(SYS_pidfd_open, worker.pid, 0);
    if (fd != -1) worker.process = UniqueFd(static_cast<int>(fd));
  }
  return worker;
}

}  // namespace tornado
