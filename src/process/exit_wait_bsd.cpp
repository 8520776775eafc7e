// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>

#include <csignal>
#include <string>

#include "platform/system_error.h"
#include "process/exit_wait.h"
#include "tornado/error.h"

namespace tornado {
namespace {

int to_returncode(int status) noexcept {
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int look_at(int pid, int options) noexcept {
  siginfo_t info;
  return retry_eintr([&] {
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT | options);
  });
}

}  // namespace

void await_end(int pid) noexcept {
  (void)look_at(pid, 0);
}

// While the child can be reaped, no other process has its pid.
bool signal_child(int pid, NativeFd, int signal) {
  if (look_at(pid, WNOHANG) == -1) return false;
  if (::kill(pid, signal) == -1) throw_errno("kill " + std::to_string(pid));
  return true;
}

std::optional<ExitStatus> reap(int pid, NativeFd, WaitFor wait) {
  int status = 0;
  const int options = wait == WaitFor::nothing ? WNOHANG : 0;
  int reaped;
  do {
    reaped = retry_eintr([&] { return ::waitpid(pid, &status, options); });
    // waitpid also reports stops of a child that this process traces.
  } while (reaped == pid && WIFSTOPPED(status));
  if (reaped == 0) return {};
  if (reaped == pid) return ExitStatus{{}, to_returncode(status)};
  if (errno == ECHILD) return ExitStatus{Errc::status_taken, 0};
  return ExitStatus{last_error(), 0};
}

}  // namespace tornado
