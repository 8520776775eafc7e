// SPDX-License-Identifier: Apache-2.0
#include "call_count.h"

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <set>
#include <utility>

namespace tornado::bench {
namespace {

// No such option exists, so that the call does nothing but be seen.
constexpr long mark_option = 0x746f726e;

class Tracer {
 public:
  explicit Tracer(::pid_t child) : child_(child) {}

  Traced follow() {
    int status = 0;
    for (::pid_t pid; (pid = ::waitpid(-1, &status, __WALL)) > 0;) {
      if (WIFSTOPPED(status)) {
        stopped(pid, status >> 8);
      } else if (pid == child_) {
        result_.status = status;
      }
    }
    return std::move(result_);
  }

 private:
  void stopped(::pid_t pid, int why) {
    int deliver = 0;
    if (why == (SIGTRAP | 0x80)) {
      count(pid);
    } else if (why != SIGTRAP && why != SIGSTOP && why >> 8 == 0) {
      deliver = why;
    }
    ::ptrace(PTRACE_SYSCALL, pid, nullptr, static_cast<long>(deliver));
  }

  void count(::pid_t pid) {
    __ptrace_syscall_info info{};
    if (::ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0) return;
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return;
    if (info.entry.nr == SYS_prctl && info.entry.args[0] == mark_option) {
      const auto told = static_cast<::pid_t>(info.entry.args[2]);
      const ::pid_t thread = told == 0 ? pid : told;
      if (info.entry.args[1] == 1) {
        counted_.insert(thread);
      } else {
        counted_.erase(thread);
      }
    } else if (counted_.contains(pid)) {
      ++result_.calls[info.entry.nr];
    }
  }

  const ::pid_t child_;
  std::set<::pid_t> counted_;
  Traced result_;
};

}  // namespace

void CountedSpan::mark(long on) const noexcept {
  ::syscall(SYS_prctl, mark_option, on, static_cast<long>(thread_), 0L, 0L);
}

void stop_to_be_traced() noexcept {
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) std::_Exit(EXIT_FAILURE);
  ::raise(SIGSTOP);
}

Traced trace(::pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  constexpr long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE |
                           PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL;
  if (!WIFSTOPPED(status) ||
      ::ptrace(PTRACE_SETOPTIONS, child, nullptr, options) != 0) {
    return {true, status, {}};
  }
  ::ptrace(PTRACE_SYSCALL, child, nullptr, 0L);
  return Tracer(child).follow();
}

std::string call_name(std::uint64_t number) {
  static constexpr std::pair<long, const char*> names[] = {
      {SYS_read, "read"},
      {SYS_write, "write"},
      {SYS_readv, "readv"},
      {SYS_writev, "writev"},
      {SYS_recvmsg, "recvmsg"},
      {SYS_sendmsg, "sendmsg"},
      {SYS_recvfrom, "recvfrom"},
      {SYS_sendto, "sendto"},
      {SYS_ioctl, "ioctl"},
      {SYS_fcntl, "fcntl"},
      {SYS_close, "close"},
      {SYS_futex, "futex"},
      {SYS_sched_yield, "sched_yield"},
      {SYS_clock_gettime, "clock_gettime"},
      {SYS_madvise, "madvise"},
      {SYS_mmap, "mmap"},
      {SYS_munmap, "munmap"},
      {SYS_mprotect, "mprotect"},
      {SYS_brk, "brk"},
      {SYS_epoll_ctl, "epoll_ctl"},
      {SYS_epoll_pwait, "epoll_wait"},
      {SYS_timerfd_settime, "timerfd_settime"},
#ifdef SYS_epoll_pwait2
      {SYS_epoll_pwait2, "epoll_wait"},
#endif
#ifdef SYS_epoll_wait
      {SYS_epoll_wait, "epoll_wait"},
#endif
  };
  for (const auto& [known, name] : names) {
    if (static_cast<std::uint64_t>(known) == number) return name;
  }
  return "call " + std::to_string(number);
}

}  // namespace tornado::bench
