// SPDX-License-Identifier: Apache-2.0
#include "fds/tracer.h"

#include <linux/sched.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <system_error>

#include "fds/descriptor_words.h"
#include "fds/process_text.h"
#include "fds/trace_memory.h"
#include "tornado/audit.h"

namespace tornado::cli {
namespace {

std::string proc(pid_t pid, const char* what) {
  return "/proc/" + std::to_string(pid) + "/" + what;
}

std::string executable_of(pid_t pid) {
  std::array<char, PATH_MAX> path;
  const ssize_t n = ::readlink(proc(pid, "exe").c_str(), path.data(), path.size());
  if (n >= 0) return {path.data(), static_cast<std::size_t>(n)};
  // A path that is too long for the kernel to tell.
  const std::string name = state_in(told_by_proc(pid, "stat")).name;
  return name.empty() ? "?" : ".../" + name;
}

bool on_this_machine(pid_t pid) {
  __ptrace_syscall_info info = {};
  return ::ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0 ||
         info.arch == native_architecture();
}

pid_t new_task(pid_t parent) {
  unsigned long number = 0;
  return ::ptrace(PTRACE_GETEVENTMSG, parent, 0, &number) == -1
             ? -1
             : static_cast<pid_t>(number);
}

bool is_stop_of_group(int signal) {
  return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN ||
         signal == SIGTTOU;
}

}  // namespace

Tracer::Tracer(TracedCommand& command, const PendingSignals& signals,
               const DescriptorTable& inherited)
    : command_(command), signals_(signals.waited_for()) {
  Task& task = tasks_[command.pid()];
  task.process = command.pid();
  task.table = std::make_shared<DescriptorTable>(inherited);
  Process& process = processes_[command.pid()];
  process.program = executable_of(command.pid());
  process.parent = ::getpid();
  record_.filtered = command.filtered();
}

TraceRecord Tracer::run() {
  command_.release();
  while (reap_all()) {
    siginfo_t info = {};
    const int signal = ::sigwaitinfo(&signals_, &info);
    if (signal == -1 || signal == SIGCHLD) continue;
    // Whether the command has ended is to be known first.
    if (!reap_all()) break;
    pass_on(signal, info.si_code == SI_KERNEL);
  }
  return std::move(record_);
}

// False once no traced process is left.
bool Tracer::reap_all() {
  for (;;) {
    int status = 0;
    const pid_t tid = ::waitpid(-1, &status, __WALL | WNOHANG);
    if (tid == 0) return true;
    if (tid == -1) {
      if (errno == ECHILD) return false;
      throw std::system_error(errno, std::system_category(), "waitpid");
    }
    if (WIFSTOPPED(status)) {
      stopped(tid, status);
    } else {
      ended(tid, status);
    }
  }
}

void Tracer::pass_on(int signal, bool from_terminal) {
  if (command_ended_) {
    // The processes cannot be detached: without a tracer, their filter fails their
    // calls.
    giving_up_ = true;
    record_.ended = std::max(record_.ended, processes_.size());
    for (const auto& [pid, process] : processes_) ::kill(pid, SIGKILL);
    for (const pid_t pid : newborns_) ::kill(pid, SIGKILL);
  } else if (!from_terminal) {
    // Signals of the terminal have reached the command already.
    command_.send(signal);
  }
}

void Tracer::resume(pid_t tid, int signal) const {
  // A failure means that the thread was killed, and its end will be reported.
  if (record_.filtered) {
    ::ptrace(PTRACE_CONT, tid, 0, signal);
  } else {
    ::ptrace(PTRACE_SYSCALL, tid, 0, signal);
  }
}

void Tracer::resume_until_result(pid_t tid) const {
  ::ptrace(PTRACE_SYSCALL, tid, 0, 0);
}

void Tracer::stopped(pid_t tid, int status) {
  if (giving_up_) {
    ::kill(tid, SIGKILL);
    return;
  }
  const auto found = tasks_.find(tid);
  if (found == tasks_.end()) {
    newborns_.insert(tid);
    return;
  }
  const int signal = WSTOPSIG(status);
  const int event = status >> 16;
  if (signal == (SIGTRAP | 0x80)) {
    at_call(tid, found->second);
  } else if (event != 0) {
    stopped_at_event(tid, found->second, event, signal);
  } else {
    resume(tid, signal);
  }
}

void Tracer::stopped_at_event(pid_t tid, Task& task, int event, int signal) {
  switch (event) {
    case PTRACE_EVENT_SECCOMP:
      at_call(tid, task);
      return;
    case PTRACE_EVENT_STOP:
      if (is_stop_of_group(signal)) {
        ::ptrace(PTRACE_LISTEN, tid, 0, 0);
      } else {
        resume(tid);
      }
      return;
    case PTRACE_EVENT_EXEC:
      executed(tid);
      break;
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE:
      if (const pid_t child = new_task(tid); child > 0) {
        born(tid, task, child);
      }
      break;
    default:
      break;
  }
  resume(tid);
}

void Tracer::born(pid_t parent_tid, Task& parent, pid_t tid) {
  const bool shared = (parent.clone_flags & CLONE_FILES) != 0;
  const bool thread = (parent.clone_flags & CLONE_THREAD) != 0;
  Task child;
  child.process = thread ? parent.process : tid;
  child.table =
      shared ? parent.table : std::make_shared<DescriptorTable>(*parent.table);
  if ((parent.clone_flags & CLONE_PIDFD) != 0) pidfd_made(parent_tid, parent);
  if (!shared) {
    for (auto& [other, task] : tasks_) {
      if (task.table == parent.table && task.call != nullptr) {
        task.copies.push_back({child.process, child.table});
      }
    }
  }
  if (!thread) {
    Process process = processes_[parent.process];
    process.parent = parent.process;
    process.before_exec = true;
    processes_[tid] = std::move(process);
  }
  tasks_[tid] = std::move(child);
  if (newborns_.erase(tid) > 0) resume(tid);
}

// Those whose creator died, or was replaced by `executed`, before it could report them:
// they get at least followed.
void Tracer::adopt_newborns(pid_t executed) {
  std::erase_if(newborns_, [&](pid_t tid) {
    const auto [process, parent] = family_in(told_by_proc(tid, "status"));
    const pid_t creator = process == tid ? parent : process;
    if (creator != executed && processes_.contains(creator)) return false;
    Task task;
    task.process = process;
    task.table = std::make_shared<DescriptorTable>();
    tasks_[tid] = std::move(task);
    processes_[process].program = executable_of(process);
    resume(tid);
    return true;
  });
}

void Tracer::executed(pid_t tid) {
  // A thread that executes gets the number of its process, and all others are gone.
  const pid_t before = new_task(tid);
  Task task = std::move(tasks_[before > 0 && tasks_.contains(before) ? before : tid]);
  std::erase_if(tasks_, [&](const auto& one) { return one.second.process == tid; });
  unshare(task);
  task.process = tid;
  task.call = nullptr;
  Process& process = processes_[tid];
  record_.executions.push_back(look_at(tid, process, *task.table));
  process.before_exec = false;
  walker_.forget(tid, process.program);
  tasks_[tid] = std::move(task);
  adopt_newborns(tid);
}

Execution Tracer::look_at(pid_t tid, Process& process, DescriptorTable& table) {
  Execution execution;
  execution.pid = tid;
  execution.parent = process.parent;
  execution.executed_by = process.program;
  execution.program = process.program = executable_of(tid);
  execution.arguments = arguments_in(told_by_proc(tid, "cmdline"));
  execution.foreign_machine = !on_this_machine(tid);
  try {
    std::set<int> open;
    DescriptorDetails details(tid);
    for (auto& descriptor : audit_descriptors(tid)) {
      const int fd = descriptor.number;
      open.insert(fd);
      if (fd <= STDERR_FILENO) continue;
      const auto entry = table.get(fd);
      const OriginPtr& last = entry.unmarked ? entry.unmarked : entry.origin;
      const bool given =
          process.before_exec && last && last->before_exec && last->pid == tid;
      std::string detail = details.of(descriptor);
      execution.crossings.push_back({std::move(descriptor), entry.origin,
                                     entry.unmarked, given, std::move(detail)});
    }
    table.keep_only(open);
  } catch (const std::system_error& error) {
    // One that was killed within its exec hands nothing on.
    if (error.code() != std::errc::no_such_process) execution.problem = error.what();
  }
  return execution;
}

void Tracer::ended(pid_t tid, int status) {
  tasks_.erase(tid);
  newborns_.erase(tid);
  processes_.erase(tid);
  walker_.forget(tid);
  if (tid == command_.pid()) {
    record_.status = status;
    command_ended_ = true;
  }
  adopt_newborns();
}

}  // namespace tornado::cli
