// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <vector>

#include "platform/system_error.h"
#include "process/launch.h"
#include "process/signal_blocker.h"
#include "tornado/platform.h"

namespace tornado {
namespace {

bool is_given(const ChildTask& task, int fd) {
  const std::span moves(task.moves.data, task.moves.size);
  return std::ranges::find(moves, fd, &DescriptorMove::to) != moves.end();
}

// Where the child puts nothing. Not above all that it is given: a number that it shall
// have may be the highest that there can be, or higher.
UniqueFd set_apart(const ChildTask& task, UniqueFd fd) {
  while (is_given(task, fd.get())) {
    const int other = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, fd.get() + 1);
    if (other == -1) throw_errno(act_on("F_DUPFD_CLOEXEC", fd.get()));
    fd = UniqueFd(other);
  }
  return fd;
}

int fork_child(ChildTask& task) {
  const SignalBlocker blocker;
  const int pid = ::fork();
  if (pid == 0) tornado_child_main(&task);  // does not return
  if (pid == -1) throw_errno("fork");
  return pid;
}

}  // namespace

Launched launch_by_fork(ChildTask& task) {
  FdPair pipe = make_pipe();
  set_nonblocking(pipe.first.get(), false);
  UniqueFd writer = set_apart(task, std::move(pipe.second));
  std::vector<int> kept(task.kept.data, task.kept.data + task.kept.size);
  kept.push_back(writer.get());
  ChildTask forked = task;
  forked.kept = {kept.data(), kept.size()};
  forked.report_to = writer.get();
  const int pid = fork_child(forked);
  writer.reset();
  // The end of the pipe is the exec, which closes it.
  const auto size = retry_eintr(
      [&] { return ::read(pipe.first.get(), &task.report, sizeof task.report); });
  if (size != sizeof task.report) return {pid, open_pidfd(pid)};
  retry_eintr([pid] { return ::waitpid(pid, nullptr, 0); });
  return {};
}

}  // namespace tornado
