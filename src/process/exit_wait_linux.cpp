// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>
#include <ctime>

#include "platform/fd.h"
#include "platform/system_call_linux.h"
#include "platform/system_error.h"
#include "platform/thread.h"
#include "process/exit_wait.h"
#include "tornado/error.h"
#include "tornado/platform.h"

namespace tornado {
namespace {

// PIDFD_GET_INFO of <linux/pidfd.h>, which the headers of a C library may lack. The
// kernel has it since Linux 6.13, and PIDFD_INFO_EXIT since 6.15.
struct PidfdInfo {
  std::uint64_t mask;  // in: the fields wanted; out: the fields filled
  std::uint64_t cgroup;
  std::uint32_t pids[3];
  std::uint32_t ids[8];
  std::int32_t exit_code;  // as waitpid() tells it
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr std::uint64_t pidfd_info_exit = 1u << 3;
constexpr unsigned long pidfd_get_info = _IOWR(0xFF, 11, PidfdInfo);

// __WALL, since a child that died before it could execute has no exit signal.
int wait_call(int pid, NativeFd process, siginfo_t* info, int options) noexcept {
  constexpr auto by_descriptor = static_cast<idtype_t>(3);  // P_PIDFD
  options |= WEXITED | __WALL;
  info->si_pid = 0;
  if (process != invalid_fd) {
    const int result = retry_eintr([&] {
      return ::waitid(by_descriptor, static_cast<id_t>(process), info, options);
    });
    // Before Linux 5.4, or closed by the program.
    if (result == 0 || (errno != EINVAL && errno != EBADF)) return result;
  }
  return retry_eintr(
      [&] { return ::waitid(P_PID, static_cast<id_t>(pid), info, options); });
}

// waitid also reports stops of a child that this process traces. The tracer takes them.
bool is_end(const siginfo_t& info) noexcept {
  return info.si_code == CLD_EXITED || info.si_code == CLD_KILLED ||
         info.si_code == CLD_DUMPED;
}

int to_returncode(const siginfo_t& info) noexcept {
  return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

bool polls(NativeFd process, short events, int timeout) noexcept {
  pollfd end{process, events, 0};
  return retry_eintr([&] { return ::poll(&end, 1, timeout); }) == 1;
}

// Until the child can be reaped, or is gone. A descriptor tells of the end alone.
void await_end(int pid, NativeFd process) noexcept {
  if (process != invalid_fd) polls(process, POLLIN, -1);
  siginfo_t info;
  while (wait_call(pid, process, &info, WNOWAIT) == 0 && !is_end(info)) {
    constexpr timespec pause = {0, 10'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

// What the descriptor keeps of a child that another part of the program has reaped.
std::optional<int> kept_status(NativeFd process) noexcept {
  PidfdInfo info{};
  info.mask = pidfd_info_exit;
  if (::ioctl(process, pidfd_get_info, &info) == -1) return {};
  if ((info.mask & pidfd_info_exit) == 0) return {};
  return info.exit_code;
}

ExitStatus status_of_reaped(NativeFd process) noexcept {
  std::optional<int> status = kept_status(process);
  // Another thread may be about to reap it. POLLHUP is reported when that is done.
  constexpr int most_wait = 100;
  if (!status && polls(process, POLLIN, 0) && polls(process, 0, most_wait)) {
    status = kept_status(process);
  }
  if (!status) return {Errc::status_taken, 0};
  return {{}, WIFEXITED(*status) ? WEXITSTATUS(*status) : -WTERMSIG(*status)};
}

std::optional<ExitStatus> reap_if_ended(int pid, NativeFd process) noexcept {
  siginfo_t info;
  int result = wait_call(pid, process, &info, WNOHANG | WNOWAIT);
  if (result == 0 && (info.si_pid == 0 || !is_end(info))) return {};
  if (result == 0) result = wait_call(pid, process, &info, WNOHANG);
  if (result == 0) return ExitStatus{{}, to_returncode(info)};
  if (errno == ECHILD) return status_of_reaped(process);
  return ExitStatus{last_error(), 0};
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
  // While the child can be reaped, no other process has its pid.
  siginfo_t info;
  if (wait_call(pid, process, &info, WNOHANG | WNOWAIT) == -1) return false;
  if (::kill(pid, signal) == -1) throw_errno("kill " + std::to_string(pid));
  return true;
}

void await_end(int pid) noexcept {
  await_end(pid, invalid_fd);
}

#if !defined(TORNADO_HAS_KQUEUE)
// A thread of this process makes it readable. A forked child has not the thread, but
// shares the descriptor.
UniqueFd open_exit_descriptor(int pid) noexcept {
  try {
    siginfo_t info;
    const int result = wait_call(pid, invalid_fd, &info, WNOHANG | WNOWAIT);
    const bool ended = result == -1 || (info.si_pid != 0 && is_end(info));
    UniqueFd end = adopt_if_made(::eventfd(ended ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!end || ended) return end;
    start_thread_with_signals_blocked([pid, told = duplicate(end.get())] {
      await_end(pid);
      ::eventfd_write(told.get(), 1);
    }).detach();
    return end;
  } catch (const std::exception&) {
    return {};
  }
}
#endif

std::optional<ExitStatus> reap(int pid, NativeFd process, WaitFor wait) {
  std::optional<ExitStatus> status;
  do {
    if (wait == WaitFor::end) await_end(pid, process);
    status = reap_if_ended(pid, process);
  } while (!status && wait == WaitFor::end);
  return status;
}

}  // namespace tornado
