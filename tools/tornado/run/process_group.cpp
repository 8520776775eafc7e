// SPDX-License-Identifier: Apache-2.0
#include "run/process_group.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>

namespace tornado::cli {

Delivery signal_group(pid_t group, int signal) {
  if (::kill(-group, signal) == 0) return Delivery::sent;
  return errno == EPERM ? Delivery::forbidden : Delivery::no_process;
}

void adopt_orphans() {
  (void)::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

void reap_orphans(const std::function<bool(pid_t)>& awaited) {
  for (;;) {
    siginfo_t info = {};
    // Looks first: the exit status of an awaited child is not to be taken here. The
    // orphans behind it are reaped when its own end has been handled.
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == -1) return;
    if (info.si_pid == 0 || awaited(info.si_pid)) return;
    ::waitpid(info.si_pid, nullptr, WNOHANG);
  }
}

std::optional<int> take_stop(pid_t child) {
  siginfo_t info = {};
  const auto id = static_cast<id_t>(child);
  if (::waitid(P_PID, id, &info, WSTOPPED | WNOHANG) == -1 || info.si_pid == 0) {
    return {};
  }
  return info.si_status;
}

}  // namespace tornado::cli
