// SPDX-License-Identifier: Apache-2.0
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>

#include "platform/system_error.h"
#include "process/system_call_linux.h"
#include "process/wait_status.h"
#include "tornado/error.h"

namespace tornado {
namespace {

// __WALL, since a child that died before it could execute has no exit signal.
int wait_call(int pid, NativeFd process, siginfo_t* info, int options) noexcept {
  constexpr auto by_descriptor = static_cast<idtype_t>(3);  // P_PIDFD
  info->si_pid = 0;
  if (process != invalid_fd) {
    const int result = retry_eintr([&] {
      return ::waitid(by_descriptor, static_cast<id_t>(process), info, options);
    });
    if (result == 0 || errno != EINVAL) return result;  // before Linux 5.4
  }
  return retry_eintr(
      [&] { return ::waitid(P_PID, static_cast<id_t>(pid), info, options); });
}

int to_returncode(const siginfo_t& info) noexcept {
  return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

// False with errno ESRCH: it has been reaped. Else the call is missing or forbidden.
bool signal_by_descriptor(NativeFd process, int signal) noexcept {
  return process != invalid_fd &&
         system_call(SYS_pidfd_send_signal, process, signal, nullptr, 0) == 0;
}

}  // namespace

bool signal_child(int pid, NativeFd process, int signal) {
  errno = ENOSYS;
  if (signal_by_descriptor(process, signal)) return true;
  if (errno == ESRCH) return false;
  // While the child is there to be waited for, its pid is nobody else's.
  siginfo_t info;
  const int look = WEXITED | WNOHANG | WNOWAIT | __WALL;
  if (wait_call(pid, process, &info, look) == -1) return false;
  if (::kill(pid, signal) == -1) throw_errno("kill " + std::to_string(pid));
  return true;
}

void await_end(int pid) noexcept {
  siginfo_t info;
  const int options = WEXITED | WNOWAIT | __WALL;
  retry_eintr([&] { return ::waitid(P_PID, static_cast<id_t>(pid), &info, options); });
}

std::optional<WaitStatus> reap(int pid, NativeFd process, WaitFor wait) {
  siginfo_t info;
  const int options = WEXITED | __WALL | (wait == WaitFor::nothing ? WNOHANG : 0);
  if (wait_call(pid, process, &info, options) == -1) {
    if (errno == ECHILD) return WaitStatus{Errc::status_taken, 0};
    return WaitStatus{last_error(), 0};
  }
  if (info.si_pid == 0) return {};
  return WaitStatus{{}, to_returncode(info)};
}

}  // namespace tornado
