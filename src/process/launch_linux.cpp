// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

#include "platform/fd.h"
#include "platform/system_call_linux.h"
#include "platform/system_error.h"
#include "process/child_stack_linux.h"
#include "process/launch.h"

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

// Blocks all signals, also the reserved ones of the C library: a handler of the parent
// that ran in the child would run in the parent's memory.
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

// What the children of this process have shown. The first is made in a way that needs
// nothing of this, and shows it: a child that only tried it would be process 1 of a new
// pid namespace, and end that with itself. A sandbox that comes later is noticed, too.
enum class Memory { unknown, copied, shared };
struct Shown {
  std::atomic<Memory> memory{Memory::unknown};
  std::atomic<bool> unshare{true};
  std::atomic<bool> pidfd_at_birth{true};
};
Shown shown;

constexpr int clone_flags = CLONE_VM | CLONE_VFORK;

// A shortage may end. Every other error is a refusal.
bool is_shortage(int error) noexcept {
  return error == EAGAIN || error == ENOMEM || error == ENOSPC || error == EUSERS ||
         error == EMFILE || error == ENFILE;
}

// The exit signal becomes SIGCHLD at exec. Until then the child raises no signal, and
// no waitpid() of other code finds it.
struct Attempt {
  Attempt(ChildTask& task, int flags) {
    task.table_is_shared = (flags & CLONE_FILES) != 0;
    task.report = {};
    ChildStack stack;
    AllSignalsBlocked blocked;
    pid = TORNADO_CLONE(tornado_child_main, stack.top(), flags, &task, &pidfd);
    error = errno;
  }

  int pid = -1;
  int pidfd = -1;
  int error = 0;  // if there is no pid
};

// With as much of `files` and a pidfd as the kernel grants.
Launched clone_child(ChildTask& task, int files) {
  for (;;) {
    const int pidfd = shown.pidfd_at_birth ? CLONE_PIDFD : 0;
    const Attempt attempt(task, clone_flags | files | pidfd);
    if (attempt.pid != -1) return {attempt.pid, adopt_if_made(attempt.pidfd)};
    if (is_shortage(attempt.error) || (pidfd | files) == 0) {
      throw_error({attempt.error, std::system_category()}, "clone");
    }
    if (pidfd) {
      shown.pidfd_at_birth = false;
    } else {
      shown.unshare = false;
      files = 0;
    }
  }
}

Launched clone_child(ChildTask& task) {
  return clone_child(task, 0);
}

// valgrind and qemu make an ordinary fork of the clone.
Launched launch_first(ChildTask& task) {
  Launched launched = launch_with_pipe(task, clone_child);
  shown.memory = task.memory_is_shared ? Memory::shared : Memory::copied;
  shown.unshare = task.can_unshare;
  return launched;
}

Launched launch_in_shared_memory(ChildTask& task) {
  int files = shown.unshare ? CLONE_FILES : 0;
  for (;;) {
    Launched launched = clone_child(task, files);
    if (task.report.act == ChildAct::none) {
      if (!launched.process) launched.process = open_pidfd(launched.pid);
      return launched;
    }
    reap(launched.pid);
    if (task.report.act != ChildAct::unshare_descriptors) return {};
    if (!is_shortage(task.report.error)) shown.unshare = false;
    files = 0;
  }
}

// Not if this process has left the pid namespace of its children, or may have.
bool children_see_this_pid() noexcept {
  struct stat own, of_children;
  return ::stat("/proc/self/ns/pid", &own) == 0 &&
         ::stat("/proc/self/ns/pid_for_children", &of_children) == 0 &&
         own.st_dev == of_children.st_dev && own.st_ino == of_children.st_ino;
}

}  // namespace

Launched launch(ChildTask& task) {
  const Memory memory = shown.memory;
  if (memory == Memory::copied) return launch_by_fork(task);
  if (memory == Memory::unknown) return launch_first(task);
  if (task.death_signal != 0 && !children_see_this_pid()) {
    return launch_with_pipe(task, clone_child);
  }
  return launch_in_shared_memory(task);
}

LaunchMeans launch_means() noexcept {
  const bool shared = shown.memory != Memory::copied;
  return {shared, shared && shown.unshare, shared && shown.pidfd_at_birth};
}

}  // namespace tornado
