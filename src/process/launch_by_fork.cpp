// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <vector>

#include "platform/fd.h"
#include "platform/signal_blocker.h"
#include "platform/system_call_linux.h"
#include "platform/system_error.h"
#include "process/launch.h"
#include "tornado/platform.h"

namespace tornado {
namespace {

bool is_given(const ChildTask& task, int fd) {
  const std::span moves(task.moves.data, task.moves.size);
  return std::ranges::find(moves, fd, &DescriptorMove::to) != moves.end();
}

// Moves `fd` to a number that the child does not use. A number above all that the child
// gets may be above the limit.
UniqueFd set_apart(const ChildTask& task, UniqueFd fd) {
  while (is_given(task, fd.get())) {
    const int other = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, fd.get() + 1);
    if (other == -1) throw_errno(act_on("F_DUPFD_CLOEXEC", fd.get()));
    fd = UniqueFd(other);
  }
  return fd;
}

Launched fork_child(ChildTask& task) {
  const SignalBlocker blocker;
  const int pid = ::fork();
  if (pid == 0) tornado_child_main(&task);  // does not return
  if (pid == -1) throw_errno("fork");
  return {pid, {}};
}

}  // namespace

Launched launch_with_pipe(ChildTask& task, Launched (*make)(ChildTask&)) {
  FdPair pipe = make_pipe();
  set_nonblocking(pipe.first.get(), false);
  UniqueFd writer = set_apart(task, std::move(pipe.second));
  std::vector<int> kept(task.kept.data, task.kept.data + task.kept.size);
  kept.insert(std::ranges::lower_bound(kept, writer.get()), writer.get());
  ChildTask piped = task;
  piped.kept = {kept.data(), kept.size()};
  piped.first_unneeded =
      std::max(task.first_unneeded, static_cast<unsigned>(writer.get()) + 1);
  piped.report_to = writer.get();
  Launched made = make(piped);
  writer.reset();
  task.memory_is_shared = piped.memory_is_shared;
  task.can_unshare = piped.can_unshare;
  task.report = piped.report;
  // exec closes the pipe and ends the read. In shared memory the report is there
  // without a read, which a copy of the writing end in another thread's fork could
  // delay.
  if (!task.memory_is_shared) {
    retry_eintr(
        [&] { return ::read(pipe.first.get(), &task.report, sizeof task.report); });
  }
  if (task.report.act != ChildAct::none) {
    retry_eintr([&made] { return ::waitpid(made.pid, nullptr, __WALL); });
    return {};
  }
  if (!made.process) made.process = open_pidfd(made.pid);
  return made;
}

Launched launch_by_fork(ChildTask& task) {
  return launch_with_pipe(task, fork_child);
}

UniqueFd open_pidfd(int pid) noexcept {
  return adopt_if_made(static_cast<NativeFd>(system_call(SYS_pidfd_open, pid, 0)));
}

}  // namespace tornado
