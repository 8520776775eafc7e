// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "fds/trace_memory.h"
#include "fds/tracer.h"

// The half of the tracer that knows what system calls do to descriptors.

namespace tornado::cli {
namespace {

int as_fd(std::uint64_t value) {
  return static_cast<int>(static_cast<std::uint32_t>(value));
}

// The descriptors in a control message.
std::vector<int> rights(Bytes control) {
  msghdr header = {};
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  std::vector<int> numbers;
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const unsigned char* end = control.data() + control.size();
    const unsigned char* data = CMSG_DATA(c);
    const auto room = static_cast<std::size_t>(end - data);
    const auto count = std::min(c->cmsg_len - CMSG_LEN(0), room) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = 0;
      std::memcpy(&number, data + i * sizeof(int), sizeof number);
      numbers.push_back(number);
    }
  }
  return numbers;
}

}  // namespace

void Tracer::at_call(pid_t tid, Task& task) {
  __ptrace_syscall_info info = {};
  if (::ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, &info) <= 0) {
    // The thread was killed, or Linux is older than 5.3 and has no such request.
    if (errno == ESRCH) return;
    throw std::system_error(errno, std::system_category(), "ptrace get syscall info");
  }
  if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
    if (task.call != nullptr && !info.exit.is_error) {
      returned(tid, task, info.exit.rval);
    }
    task.call = nullptr;
    task.copies.clear();
    return resume(tid);
  }
  const bool seccomp = info.op == PTRACE_SYSCALL_INFO_SECCOMP;
  const std::uint64_t number = seccomp ? info.seccomp.nr : info.entry.nr;
  const auto& arguments = seccomp ? info.seccomp.args : info.entry.args;
  task.call = info.arch == native_architecture() ? traced_call(number) : nullptr;
  std::copy(std::begin(arguments), std::end(arguments), task.arguments.begin());
  if (task.call != nullptr && entered(tid, task)) return resume_until_result(tid);
  task.call = nullptr;
  resume(tid);
}

// A close takes effect at its entry, as another thread may get the number before the
// call returns. True if the result is of interest.
bool Tracer::entered(pid_t tid, Task& task) {
  const auto& arguments = task.arguments;
  switch (task.call->effect) {
    case Effect::makes:
    case Effect::copies:
    case Effect::makes_two:
    case Effect::receives:
      return true;
    case Effect::controls:
    case Effect::controls_device:
      return entered_control(tid, task);
    case Effect::closes:
      task.table->close(static_cast<unsigned>(arguments[0]), is_shared(task));
      return false;
    case Effect::closes_range:
      entered_close_range(task);
      return false;
    case Effect::forks:
    case Effect::starts:
    case Effect::starts_by_struct:
      entered_clone(tid, task);
      return false;
    case Effect::unshares:
      if ((arguments[0] & CLONE_FILES) != 0) unshare(task);
      return false;
    case Effect::maps_code:
      if ((arguments[2] & PROT_EXEC) != 0) walker_.changed(task.process);
      return false;
    case Effect::restricts:
      if (record_.filtered && asks_for_strict_mode(*task.call, arguments)) {
        record_.refuse_strict(task.process);
      }
      return false;
  }
  return false;
}

void Tracer::entered_clone(pid_t tid, Task& task) {
  task.clone_flags = task.pidfd_address = 0;
  if (task.call->effect == Effect::starts) {
    task.clone_flags = task.arguments[0];
    task.pidfd_address = task.arguments[2];
  } else if (task.call->effect == Effect::starts_by_struct) {
    const auto words = read_value<std::array<std::uint64_t, 2>>(tid, task.arguments[0]);
    if (words) std::tie(task.clone_flags, task.pidfd_address) = std::tuple_cat(*words);
  }
}

void Tracer::pidfd_made(pid_t tid, const Task& parent) {
  const auto fd = read_value<int>(tid, parent.pidfd_address);
  if (!fd) return;
  Origin origin;
  origin.call = "clone";
  origin.pid = parent.process;
  origin.program = processes_[parent.process].program;
  origin.fd = *fd;
  parent.table->set(*fd, std::make_shared<Origin>(std::move(origin)), true);
}

void Tracer::unshare(Task& task) {
  if (is_shared(task)) {
    task.table = std::make_shared<DescriptorTable>(*task.table);
  }
}

void Tracer::entered_close_range(Task& task) const {
  const auto& arguments = task.arguments;
  if ((arguments[2] & CLOSE_RANGE_UNSHARE) != 0) unshare(task);
  if ((arguments[2] & CLOSE_RANGE_CLOEXEC) != 0) return;
  task.table->close_range(static_cast<unsigned>(arguments[0]),
                          static_cast<unsigned>(arguments[1]), is_shared(task));
}

bool Tracer::entered_control(pid_t tid, Task& task) {
  const int fd = as_fd(task.arguments[0]);
  const auto act = static_cast<std::uint32_t>(task.arguments[1]);
  const bool device = task.call->effect == Effect::controls_device;
  if (!device && (act == F_DUPFD || act == F_DUPFD_CLOEXEC)) return true;
  if (device ? act != FIOCLEX && act != FIONCLEX : act != F_SETFD) return false;
  const bool mark = device ? act == FIOCLEX : (task.arguments[2] & FD_CLOEXEC) != 0;
  if (mark) {
    task.table->set_marked(fd);
  } else if (task.table->get(fd).marked) {
    task.table->set_unmarked(fd, std::make_shared<Origin>(origin_now(tid, task, true)));
  }
  return false;
}

void Tracer::returned(pid_t tid, Task& task, std::int64_t result) {
  switch (task.call->effect) {
    case Effect::makes_two: {
      const auto address = task.arguments[task.call->ends_argument];
      const auto ends = read_value<std::array<int, 2>>(tid, address);
      if (ends) {
        for (const int fd : *ends) made(tid, task, fd);
      }
      return;
    }
    case Effect::receives:
      return received(tid, task);
    case Effect::copies:
      // dup2 of a number to itself.
      if (as_fd(task.arguments[0]) == static_cast<int>(result)) return;
      [[fallthrough]];
    default:
      made(tid, task, static_cast<int>(result));
  }
}

bool Tracer::born_marked(pid_t tid, const Task& task) const {
  if (task.call->effect == Effect::controls)
    return task.arguments[1] == F_DUPFD_CLOEXEC;
  if (task.call->mark_argument != TracedCall::in_memory) {
    return task.call->marks(task.arguments);
  }
  const auto flags = read_value<std::uint64_t>(tid, task.arguments[2]);
  return flags && (*flags & task.call->mark) != 0;
}

Origin Tracer::origin_now(pid_t tid, const Task& task, bool with_site) {
  Process& process = processes_[task.process];
  Origin origin;
  origin.call = task.call->name;
  origin.pid = task.process;
  origin.program = process.program;
  origin.before_exec = process.before_exec;
  if (with_site) origin.site = walker_.walk(task.process, tid);
  return origin;
}

void Tracer::made(pid_t tid, Task& task, int fd) {
  const bool marked = born_marked(tid, task);
  // Walking the stack is the expensive part, and most descriptors are born marked.
  Origin origin = origin_now(tid, task, !marked);
  origin.fd = fd;
  const auto effect = task.call->effect;
  if (effect == Effect::copies || effect == Effect::controls) {
    origin.copied_from = task.table->get(as_fd(task.arguments[0])).origin;
  }
  const auto shared = std::make_shared<const Origin>(std::move(origin));
  task.table->set(fd, shared, marked);
  for (const auto& copy : task.copies) {
    if (const auto table = copy.table.lock()) table->set_if_free(fd, shared, marked);
    record_.made_late(copy.process, fd, shared);
  }
}

void Tracer::received(pid_t tid, Task& task) {
  const auto header = read_value<msghdr>(tid, task.arguments[1]);
  if (!header || header->msg_controllen == 0) return;
  const auto address = reinterpret_cast<std::uint64_t>(header->msg_control);
  for (const int fd : rights(read_memory(tid, address, header->msg_controllen))) {
    made(tid, task, fd);
  }
}

}  // namespace tornado::cli
