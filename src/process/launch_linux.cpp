// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

#include "platform/descriptors.h"
#include "platform/system_error.h"
#include "process/child_stack_linux.h"
#include "process/launch.h"
#include "process/system_call_linux.h"
#include "tornado/spawn.h"

// Sanitizers that replace clone() take it for a fork, and would unlock twice what
// parent and child share.
#if defined(__SANITIZE_THREAD__)
#define TORNADO_CLONE ::__clone
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TORNADO_CLONE ::__clone
#endif
#endif
#ifndef TORNADO_CLONE
#define TORNADO_CLONE ::clone
#else
extern "C" int __clone(int (*)(void*), void*, int, void*, ...) noexcept;
#endif

namespace tornado {
namespace {

// Really all, those that the C library keeps for itself as well: a handler of the
// parent that ran in the child would run in the parent's memory.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() noexcept {
    const std::uint64_t all = ~std::uint64_t{0};
    system_call(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before_, sizeof before_);
  }
  ~AllSignalsBlocked() {
    system_call(SYS_rt_sigprocmask, SIG_SETMASK, &before_, nullptr, sizeof before_);
  }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  std::uint64_t before_ = 0;
};

void reap(int pid) noexcept {
  retry_eintr([pid] { return ::waitpid(pid, nullptr, __WALL); });
}

// valgrind and qemu make an ordinary fork of it, whose report would be lost.
bool probe_shared_memory() {
  bool told = false;
  const ChildStack stack;
  const AllSignalsBlocked blocked;
  const int pid =
      TORNADO_CLONE(tornado_child_probe, stack.top(), CLONE_VM | CLONE_VFORK, &told);
  if (pid == -1) throw_errno("clone");
  reap(pid);
  return told;
}

bool memory_is_shared() {
  static const bool shared = probe_shared_memory();
  return shared;
}

// The ladder. A rung that the kernel or a sandbox refuses is not tried again; there is
// nothing to probe beforehand, and a sandbox that comes later is noticed as well.
struct Ladder {
  std::atomic<bool> unshare{true};
  std::atomic<bool> pidfd_at_birth{true};
  std::atomic<bool> pidfd{true};
};
Ladder ladder;

bool is_refusal(int error) noexcept {
  return error == ENOSYS || error == EPERM || error == EINVAL || error == EACCES;
}

// The exit signal becomes SIGCHLD with exec: until then nobody is told of the child,
// and no waitpid() of others finds it.
struct Attempt {
  explicit Attempt(ChildTask& task)
      : flags(CLONE_VM | CLONE_VFORK | (ladder.unshare ? CLONE_FILES : 0) |
              (ladder.pidfd_at_birth ? CLONE_PIDFD : 0)) {
    task.table_is_shared = (flags & CLONE_FILES) != 0;
    task.report = {};
    ChildStack stack;
    AllSignalsBlocked blocked;
    pid = TORNADO_CLONE(tornado_child_main, stack.top(), flags, &task, &pidfd);
    error = errno;
  }

  int flags;
  int pid = -1;
  int pidfd = -1;
  int error = 0;  // if there is no pid
};

// True if there is another rung to try, also when another thread has stepped down.
bool step_down(const Attempt& attempt, const ChildReport& report) noexcept {
  const bool refused_clone = attempt.pid == -1 && is_refusal(attempt.error);
  const bool refused_closing = attempt.pid != -1 && is_refusal(report.error) &&
                               (report.act == ChildAct::unshare_descriptors ||
                                report.act == ChildAct::close_descriptors);
  if (refused_clone && (attempt.flags & CLONE_PIDFD)) {
    ladder.pidfd_at_birth = false;
    return true;
  }
  if ((refused_clone || refused_closing) && (attempt.flags & CLONE_FILES)) {
    ladder.unshare = false;
    return true;
  }
  return false;
}

}  // namespace

UniqueFd open_pidfd(int pid) noexcept {
  if (!ladder.pidfd) return {};
  const long fd = system_call(SYS_pidfd_open, pid, 0);
  if (fd == -1 && is_refusal(errno)) ladder.pidfd = false;
  return UniqueFd(static_cast<int>(fd));
}

namespace {

UniqueFd lifted(UniqueFd fd) {
  if (fd.get() > STDERR_FILENO) return fd;
  const int higher = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  return higher == -1 ? std::move(fd) : UniqueFd(higher);
}

}  // namespace

Launched launch(ChildTask& task) {
  if (!memory_is_shared()) return launch_by_fork(task);
  for (;;) {
    Attempt attempt(task);
    UniqueFd pidfd(attempt.pidfd);
    if (attempt.pid == -1) {
      if (step_down(attempt, task.report)) continue;
      throw_error({attempt.error, std::system_category()}, "clone");
    }
    if (task.report.act == ChildAct::none) {
      if (!pidfd) pidfd = open_pidfd(attempt.pid);
      return {attempt.pid, lifted(std::move(pidfd))};
    }
    reap(attempt.pid);
    if (!step_down(attempt, task.report)) return {};
  }
}

SpawnMeans spawn_means() {
  const bool shared = memory_is_shared();
  return {shared, shared && ladder.unshare, shared && ladder.pidfd_at_birth,
          ladder.pidfd};
}

}  // namespace tornado
