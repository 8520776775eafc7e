// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Follows a command, and all that it starts, from one stop to the next.

#include <signal.h>
#include <sys/types.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "fds/call_site.h"
#include "fds/trace_calls.h"
#include "fds/trace_command.h"
#include "fds/trace_descriptors.h"
#include "fds/trace_record.h"

namespace tornado::cli {

class Tracer {
 public:
  /// `inherited`: what the command gets from the caller through this process.
  Tracer(TracedCommand& command, const PendingSignals& signals,
         const DescriptorTable& inherited);

  /// Until the last of the processes has ended. Throws std::system_error.
  TraceRecord run();

 private:
  struct Process {
    std::string program = {};
    pid_t parent = 0;
    bool before_exec = false;  ///< forked, and has not executed yet
  };

  /// A thread.
  struct Task {
    pid_t process = 0;
    std::shared_ptr<DescriptorTable> table = {};
    const TracedCall* call = nullptr;  ///< whose result is waited for
    Arguments arguments = {};
    std::uint64_t clone_flags = 0;
    std::uint64_t pidfd_address = 0;
    /// Processes that were forked during this call, and may have its result.
    struct Copy {
      pid_t process;
      std::weak_ptr<DescriptorTable> table;
    };
    std::vector<Copy> copies = {};
  };

  bool reap_all();
  void pass_on(int signal, bool from_terminal);
  void stopped(pid_t tid, int status);
  void stopped_at_event(pid_t tid, Task& task, int event, int signal);
  void ended(pid_t tid, int status);
  void born(pid_t parent_tid, Task& parent, pid_t tid);
  void executed(pid_t tid);
  Execution look_at(pid_t tid, Process& process, DescriptorTable& table);
  void pidfd_made(pid_t tid, const Task& parent);
  void adopt_newborns(pid_t executed = 0);
  void resume(pid_t tid, int signal = 0) const;
  void resume_until_result(pid_t tid) const;

  void at_call(pid_t tid, Task& task);
  bool entered(pid_t tid, Task& task);
  void entered_clone(pid_t tid, Task& task);
  void entered_close_range(Task& task) const;
  bool entered_control(pid_t tid, Task& task);
  void returned(pid_t tid, Task& task, std::int64_t result);
  void made(pid_t tid, Task& task, int fd);
  void received(pid_t tid, Task& task);
  bool born_marked(pid_t tid, const Task& task) const;
  Origin origin_now(pid_t tid, const Task& task, bool with_site);
  static bool is_shared(const Task& task) { return task.table.use_count() > 1; }
  static void unshare(Task& task);

  TracedCommand& command_;
  const sigset_t& signals_;
  TraceRecord record_ = {};
  bool command_ended_ = false;
  bool giving_up_ = false;
  std::map<pid_t, Task> tasks_ = {};
  std::map<pid_t, Process> processes_ = {};
  std::set<pid_t> newborns_ = {};  ///< stopped, and their parent's report is to come
  StackWalker walker_;
};

}  // namespace tornado::cli
