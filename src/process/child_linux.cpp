// SPDX-License-Identifier: Apache-2.0
// The child half of a spawn. It runs in the parent's memory, on a stack of its own, so
// that nothing here may allocate, lock, throw, or touch what the parent will miss; and
// it makes system calls without the C library's wrappers, which would change the ids of
// the parent's threads, or handle the parent's cancellation. A test reads the symbols
// of this object file: `syscall` is all that it may need.

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <cerrno>
#include <csignal>

#include "platform/system_call_linux.h"
#include "process/child_task.h"
#include "process/close_others_linux.h"

namespace tornado {
namespace {

// The names without a number take 16-bit ids on old 32-bit systems.
#ifdef SYS_setresuid32
constexpr long set_groups_call = SYS_setgroups32;
constexpr long set_gid_call = SYS_setresgid32;
constexpr long set_uid_call = SYS_setresuid32;
#else
constexpr long set_groups_call = SYS_setgroups;
constexpr long set_gid_call = SYS_setresgid;
constexpr long set_uid_call = SYS_setresuid;
#endif

constexpr int kernel_signals = 64;
constexpr std::size_t kernel_mask_size = kernel_signals / 8;

bool failed(ChildTask& task, ChildAct act, std::size_t index = 0) noexcept {
  task.report = {act, errno, index};
  return false;
}

template <class... Args>
bool call(ChildTask& task, ChildAct act, long number, Args... args) noexcept {
  if (system_call(number, args...) != -1) return true;
  return failed(task, act);
}

// exec resets handlers, but keeps ignored signals ignored.
void reset_dispositions() noexcept {
  // Whatever the order of the fields, SIG_DFL, no flags and an empty mask are zeros.
  const std::uint64_t default_action[8] = {};
  for (int signal = 1; signal <= kernel_signals; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    system_call(SYS_rt_sigaction, signal, default_action, nullptr, kernel_mask_size);
  }
}

// The kernel copies only the numbers below, so that a full table costs nothing. From
// now on no thread of the parent can add to this table. For a table that is not shared,
// the result tells whether the next child may share it.
bool unshare_table(ChildTask& task) noexcept {
  task.can_unshare =
      system_call(SYS_close_range, task.first_unneeded, ~0u, CLOSE_RANGE_UNSHARE) != -1;
  return task.can_unshare || !task.table_is_shared ||
         failed(task, ChildAct::unshare_descriptors);
}

bool keep_over_exec(int fd) noexcept {
  return system_call(SYS_fcntl, fd, F_SETFD, 0) != -1;
}

bool copy_to(int from, int to) noexcept {
  long result;
  do {
    result = system_call(SYS_dup3, from, to, 0);
  } while (result == -1 && (errno == EINTR || errno == EBUSY));
  return result != -1;
}

bool move_descriptors(ChildTask& task) noexcept {
  for (std::size_t i = 0; i < task.moves.size; ++i) {
    const DescriptorMove move = task.moves.data[i];
    const bool done =
        move.from == move.to ? keep_over_exec(move.to) : copy_to(move.from, move.to);
    if (!done) return failed(task, ChildAct::move_descriptor, i);
  }
  return true;
}

bool close_between(Span<int> kept) noexcept {
  unsigned first = 0;
  for (std::size_t i = 0; i < kept.size; ++i) {
    const auto number = static_cast<unsigned>(kept.data[i]);
    if (first < number && system_call(SYS_close_range, first, number - 1, 0u) == -1) {
      return false;
    }
    first = number + 1;
  }
  return system_call(SYS_close_range, first, ~0u, 0u) != -1;
}

bool close_the_rest(ChildTask& task) noexcept {
  return close_between(task.kept) || close_others(task.kept) ||
         failed(task, ChildAct::close_descriptors);
}

bool set_group(ChildTask& task) noexcept {
  return (!task.new_session || call(task, ChildAct::session, SYS_setsid)) &&
         (!task.set_process_group ||
          call(task, ChildAct::process_group, SYS_setpgid, 0, task.process_group));
}

bool set_place(ChildTask& task) noexcept {
  if (task.set_umask) system_call(SYS_umask, task.umask);
  return !task.cwd || call(task, ChildAct::chdir, SYS_chdir, task.cwd);
}

bool set_limits(ChildTask& task) noexcept {
  for (std::size_t i = 0; i < task.limits.size; ++i) {
    const ChildLimit& limit = task.limits.data[i];
    if (system_call(SYS_prlimit64, 0, limit.resource, limit.soft_hard, nullptr) == -1) {
      return failed(task, ChildAct::limit, i);
    }
  }
  if (task.nice == 0) return true;
  const long now = system_call(SYS_getpriority, PRIO_PROCESS, 0);  // 20 - niceness
  return now != -1 ? call(task, ChildAct::nice, SYS_setpriority, PRIO_PROCESS, 0,
                          static_cast<int>(20 - now) + task.nice)
                   : failed(task, ChildAct::nice);
}

// In this order, or the right to change the next is gone; and the ids are changed
// after all that may need the right to do it.
bool set_ids(ChildTask& task) noexcept {
  return (!task.set_groups || call(task, ChildAct::groups, set_groups_call,
                                   task.groups.size, task.groups.data)) &&
         (!task.set_gid ||
          call(task, ChildAct::gid, set_gid_call, task.gid, task.gid, task.gid)) &&
         (!task.set_uid ||
          call(task, ChildAct::uid, set_uid_call, task.uid, task.uid, task.uid));
}

// 0 is the pid of a parent outside this pid namespace.
bool parent_is_gone(const ChildTask& task) noexcept {
  const long parent = system_call(SYS_getppid);
  if (parent != 0 || task.report_to == -1) return parent != task.parent && parent != 0;
  pollfd pipe{task.report_to, 0, 0};
  std::int64_t no_time[2] = {};  // as long as any timespec
  return system_call(SYS_ppoll, &pipe, 1u, no_time, nullptr, 0) == 1 &&
         (pipe.revents & POLLERR) != 0;
}

// After the ids, whose change clears it.
bool follow_parent(ChildTask& task) noexcept {
  if (task.death_signal == 0) return true;
  if (!call(task, ChildAct::death_signal, SYS_prctl, PR_SET_PDEATHSIG,
            task.death_signal)) {
    return false;
  }
  if (parent_is_gone(task)) {  // it died before it could be followed
    system_call(SYS_kill, system_call(SYS_getpid), task.death_signal);
    // The first process of a pid namespace survives that.
    if (task.death_signal == SIGKILL) system_call(SYS_exit_group, 128 + SIGKILL);
  }
  return true;
}

bool set_mask(ChildTask& task) noexcept {
  return call(task, ChildAct::signal_mask, SYS_rt_sigprocmask, SIG_SETMASK,
              &task.signal_mask, nullptr, kernel_mask_size);
}

// Comes back if it cannot, with errno.
void exec_file(ChildTask& task, const char* file) noexcept {
  system_call(SYS_execve, file, task.argv, task.environment);
  if (errno != ENOEXEC) return;
  task.script_argv[1] = file;
  system_call(SYS_execve, task.script_argv[0], task.script_argv, task.environment);
}

// Like execvp: tries the files in turn. The report prefers a file that may not be
// executed to a file that does not exist.
void exec(ChildTask& task) noexcept {
  bool forbidden = false;
  for (const char* const* file = task.files; *file; ++file) {
    exec_file(task, *file);
    switch (errno) {
      case EACCES:
        forbidden = true;
        break;
      case ENOENT:
      case ENOTDIR:
      case ESTALE:
      case ENODEV:
      case ETIMEDOUT:
        break;
      default:
        failed(task, ChildAct::exec);
        return;
    }
  }
  if (forbidden) errno = EACCES;
  failed(task, ChildAct::exec);
}

}  // namespace

extern "C" int tornado_child_main(void* argument) noexcept {
  ChildTask& task = *static_cast<ChildTask*>(argument);
  task.memory_is_shared = true;  // seen only where it is so
  reset_dispositions();
  const bool ready = unshare_table(task) && move_descriptors(task) &&
                     close_the_rest(task) && set_group(task) && set_place(task) &&
                     set_limits(task) && set_ids(task) && follow_parent(task) &&
                     set_mask(task);
  if (ready) exec(task);
  if (task.report_to != -1) {
    system_call(SYS_write, task.report_to, &task.report, sizeof task.report);
  }
  for (;;) system_call(SYS_exit_group, 127);
}

}  // namespace tornado
