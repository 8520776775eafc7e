// SPDX-License-Identifier: Apache-2.0
// Calls that fail for a spawn, for an ended child, for workers and for an audit.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "process/child_stack_linux.h"
#include "process/launch.h"
#include "process/preparation.h"
#include "support/child.h"
#include "support/descriptors.h"
#include "support/log_capture.h"
#include "support/wait.h"
#include "tornado/faults.h"
#include "tornado/tornado.h"

namespace tornado::test {
namespace {

TEST(ProcessFaults, lets_an_audit_pass_over_what_is_gone_meanwhile) {
  const std::size_t open = audit_descriptors().size();
  const FaultInjection injection({.call = "read", .error = ESRCH});
  EXPECT_EQ(audit_descriptors().size(), open - 1);
}

// As execvp: the next entry of the path may lie on a file system that answers.
TEST(ProcessFaults, leaves_a_spawn_the_next_entry_of_the_path) {
  for (const int error : {ESTALE, ENODEV, ETIMEDOUT}) {
    const FaultInjection injection({.call = "syscall execve", .error = error});
    Child child = spawn({.argv = {"true"},
                         .environment_changes = {{"PATH", "/usr/bin:/bin:/usr/bin"}}});
    EXPECT_EQ(wait_child(child), 0) << error;
    EXPECT_EQ(injection.struck(), 1u);
  }
}

TEST(ProcessFaults, fails_a_childs_stack_that_cannot_be_guarded) {
  const ChildStack spare;  // takes the one that is kept
  const FaultInjection injection({.call = "mprotect", .error = ENOMEM});
  try {
    const ChildStack another;
    ADD_FAILURE() << "did not throw";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::not_enough_memory);
  }
}

TEST(ProcessFaults, leaves_nothing_of_a_spawn_whose_fork_failed) {
  const SpawnOptions options{.argv = {"true"}, .in = Stdio::pipe()};
  reserve_spawn_slots();
  const std::set<int> before = open_numbers();
  {
    Preparation preparation(options);
    const FaultInjection injection({.call = "fork", .error = EAGAIN});
    try {
      (void)launch_by_fork(preparation.task());
      ADD_FAILURE() << "did not throw";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::resource_unavailable_try_again);
    }
  }
  EXPECT_EQ(open_numbers(), before);
}

TEST(ProcessFaults, leaves_a_child_that_no_thread_awaits_to_a_later_spawn) {
  EXPECT_TRUE(passes_in_child([] {
    const LogCapture log;
    std::optional<IOLoop> loop(std::in_place);
    Subprocess child({.argv = {"cat"}, .in = Subprocess::STREAM}, *loop);
    const int pid = child.pid();
    loop.reset();
    {
      const FaultInjection injection({.call = "pthread_create", .error = EAGAIN});
      const UniqueFd in = std::move(child.in());
      { const Subprocess ended = std::move(child); }
      EXPECT_EQ(injection.struck(), 1u);
    }
    EXPECT_TRUE(log.contains(
        "child " + std::to_string(pid) + " will be reaped by a later spawn: ",
        LogLevel::warning));
    siginfo_t info;
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
    Child later = spawn({.argv = {"true"}});
    EXPECT_EQ(wait_child(later), 0);
    EXPECT_FALSE(has_children());
  }));
}

TEST(ProcessFaults, leaves_a_worker_that_could_not_be_forked_for_another_try) {
  EXPECT_TRUE(passes_in_child([] {
    const LogCapture log;
    const FdPair runs = make_pipe();
    const FaultInjection injection({.call = "fork", .error = EAGAIN, .nth = 2});
    const ForkResult forked =
        fork_processes(1, {.backoff = std::chrono::milliseconds(1)});
    if (forked.task_id) {
      put_byte(runs.second);
      ::_exit(injection.count("fork") == 1 ? 1 : 0);
    }
    EXPECT_EQ(forked.signal, 0);
    EXPECT_EQ(drain(runs.first.get()), 2u);
    EXPECT_TRUE(log.contains("child 0: fork: ", LogLevel::warning));
    EXPECT_EQ(injection.struck(), 1u);
  }));
}

// High descriptors go to the child through low numbers, which is for speed alone.
TEST(ProcessFaults, leaves_a_spawn_its_high_descriptors_without_low_ones) {
  const FdPair pipe = make_pipe();
  std::vector<UniqueFd> high;
  SpawnOptions options{.shell = "for i in 4 5 6 7; do echo $i >&$i; done"};
  for (int i = 0; i < 4; ++i) {
    high.emplace_back(::fcntl(pipe.second.get(), F_DUPFD_CLOEXEC, 100));
    options.descriptors.push_back({4 + i, high.back().get()});
  }
  reserve_spawn_slots();
  const std::set<int> before = open_numbers();
  for (const Fault& fault :
       {Fault{.call = "dup3", .error = EBUSY}, Fault{.call = "dup3", .error = EINTR},
        Fault{.call = "dup3", .error = EMFILE},
        Fault{.call = "fcntl F_DUPFD_CLOEXEC", .error = EMFILE}}) {
    {
      const FaultInjection injection(fault);
      Child child = spawn(options);
      EXPECT_EQ(wait_child(child), 0);
      EXPECT_EQ(injection.struck(), 1u) << fault.call;
    }
    EXPECT_EQ(drain(pipe.first.get()), 8u) << fault.call;
    EXPECT_EQ(open_numbers(), before);
  }
}

// Who waits for the end of file would wait for ever.
TEST(ProcessFaults, leaves_no_copy_of_a_pipe_that_was_lent_a_number) {
  EXPECT_TRUE(passes_in_child([] {
    FdPair pipe = make_pipe();
    UniqueFd high(::fcntl(pipe.second.get(), F_DUPFD_CLOEXEC, 100));
    pipe.second.reset();
    reserve_spawn_slots();
    const FaultInjection injection({.call = "dup3", .error = EMFILE, .nth = 2});
    Child child = spawn({.argv = {"true"}, .descriptors = {{10, high.get()}}});
    EXPECT_EQ(wait_child(child), 0);
    EXPECT_EQ(injection.struck(), 1u);
    high.reset();
    EXPECT_EQ(read_to_end(pipe.first.get()), "");
  }));
}

}  // namespace
}  // namespace tornado::test
