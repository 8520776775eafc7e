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

#include "platform/fd.h"
#include "process/child_stack_linux.h"
#include "process/launch.h"
#include "process/low_slots.h"
#include "process/spawn_posix.h"
#include "support/child.h"
#include "support/descriptors.h"
#include "support/log_capture.h"
#include "support/wait.h"
#include "tornado/faults.h"
#include "tornado/tornado.h"

namespace tornado::test {
namespace {

/// What a spawn of `true` fails with.
std::error_code error_of_spawn(const SpawnOptions& more = {}) {
  SpawnOptions options = more;
  options.argv = {"true"};
  std::error_code error;
  Child child = spawn(options, error);
  if (!error) {
    EXPECT_EQ(wait_child(child), 0);
  }
  return error;
}

std::string means() {
  const LaunchMeans means = launch_means();
  return std::string(means.memory_shared ? "memory " : "") +
         (means.descriptors_unshared ? "descriptors " : "") +
         (means.pidfd_at_birth ? "at birth" : "");
}

/// Asked by another process: this one has not learnt it by that.
bool memory_is_shared_here() {
  return is_true_in_child(
      [] { return !error_of_spawn() && launch_means().memory_shared; });
}

// The first clone of a process is to learn what it does here.
TEST(ProcessFaults, leaves_a_spawn_whose_clone_failed_for_another_try) {
  if (!memory_is_shared_here()) GTEST_SKIP() << "children are made by fork here";
  const std::string usual = run_in_child([] {
                              EXPECT_FALSE(error_of_spawn());
                              return means();
                            }).output;
  for (const std::uint32_t nth : {1u, 2u}) {
    EXPECT_TRUE(passes_in_child([&usual, nth] {
      {
        const FaultInjection injection({.call = "clone", .error = EAGAIN, .nth = nth});
        std::error_code error;
        while (injection.failures() == 0) error = error_of_spawn();
        EXPECT_EQ(error, std::errc::resource_unavailable_try_again);
      }
      EXPECT_FALSE(error_of_spawn());
      EXPECT_EQ(means(), usual);
      EXPECT_FALSE(has_children());
    })) << nth;
  }
}

TEST(ProcessFaults, gives_up_where_every_kind_of_clone_is_refused) {
  if (!memory_is_shared_here()) GTEST_SKIP() << "children are made by fork here";
  EXPECT_TRUE(passes_in_child([] {
    EXPECT_FALSE(error_of_spawn());
    const FaultInjection injection(
        {.call = "clone", .error = EPERM, .persistent = true});
    EXPECT_EQ(error_of_spawn(), std::errc::operation_not_permitted);
    EXPECT_FALSE(has_children());
  }));
}

TEST(ProcessFaults, leaves_a_child_without_a_descriptor_that_cannot_be_lifted) {
  const UniqueFd stream = open_file("/dev/null", O_RDWR);
  for (const bool first : {true, false}) {
    EXPECT_TRUE(passes_in_child([&stream, first] {
      reserve_descriptors_for_spawn();
      if (!first) {
        EXPECT_FALSE(error_of_spawn());
      }
      ::close(STDIN_FILENO);
      const FaultInjection injection(
          {.call = "fcntl F_DUPFD_CLOEXEC", .error = EMFILE, .persistent = true});
      std::error_code error;
      Child child =
          spawn({.argv = {"true"}, .in = Stdio::descriptor(stream.get())}, error);
      if (!error) {
        EXPECT_FALSE(child.process);
        EXPECT_EQ(wait_child(child), 0);
      }
      EXPECT_NE(injection.failures(), 0u);
      EXPECT_FALSE(has_children());
    }));
  }
}

TEST(ProcessFaults, of_a_childs_moves_are_told_unless_they_pass) {
  const UniqueFd given = open_file("/dev/null", O_RDWR);
  const auto error_of = [&given](const Fault& fault, int child) {
    const FaultInjection injection(fault);
    const std::error_code error =
        error_of_spawn({.descriptors = {{child, given.get()}}});
    EXPECT_EQ(injection.failures(), 1u) << fault.call;
    return error.value();
  };
  EXPECT_EQ(error_of({.call = "syscall dup3", .error = EINTR}, 50), 0);
  EXPECT_EQ(error_of({.call = "syscall dup3", .error = EBUSY}, 50), 0);
  EXPECT_EQ(error_of({.call = "syscall dup3", .error = EMFILE}, 50), EMFILE);
  EXPECT_EQ(error_of({.call = "syscall fcntl", .error = EBADF}, given.get()), EBADF);
}

TEST(ProcessFaults, lets_an_audit_skip_descriptors_that_are_closed_by_now) {
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
    EXPECT_EQ(injection.failures(), 1u);
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
  reserve_descriptors_for_spawn();
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
    if (!open_pidfd(::getpid())) return;  // a thread awaits it already
    const int pid = child.pid();
    loop.reset();
    {
      const FaultInjection injection({.call = "pthread_create", .error = EAGAIN});
      const std::optional<PipeIOStream> in = std::move(child.in());
      { const Subprocess ended = std::move(child); }
      EXPECT_EQ(injection.failures(), 1u);
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
    EXPECT_EQ(injection.failures(), 1u);
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
  reserve_descriptors_for_spawn();
  const std::set<int> before = open_numbers();
  for (const Fault& fault :
       {Fault{.call = "dup3", .error = EBUSY}, Fault{.call = "dup3", .error = EINTR},
        Fault{.call = "dup3", .error = EMFILE},
        Fault{.call = "fcntl F_DUPFD_CLOEXEC", .error = EMFILE}}) {
    {
      const FaultInjection injection(fault);
      Child child = spawn(options);
      EXPECT_EQ(wait_child(child), 0);
      EXPECT_EQ(injection.failures(), 1u) << fault.call;
    }
    EXPECT_EQ(drain(pipe.first.get()), 8u) << fault.call;
    EXPECT_EQ(open_numbers(), before);
  }
}

// The reserved numbers are open already: a copy there opens no number.
TEST(ProcessFaults, leaves_all_low_numbers_to_later_copies) {
  EXPECT_TRUE(passes_in_child([] {
    const FdPair pipe = make_pipe();
    const UniqueFd high(::fcntl(pipe.second.get(), F_DUPFD_CLOEXEC, 100));
    reserve_descriptors_for_spawn();
    const std::set<int> before = open_numbers();
    const auto opened_by_copies = [&](std::size_t count) {
      std::vector<LowCopy> copies;
      while (copies.size() < count) copies.emplace_back(high.get());
      return open_numbers().size() - before.size();
    };
    for (const auto& [error, calls] :
         {std::pair(EINTR, 3u), std::pair(EBUSY, 3u), std::pair(EMFILE, 1u)}) {
      const FaultInjection injection({.call = "dup3", .error = error});
      EXPECT_EQ(opened_by_copies(1), error == EMFILE ? 1u : 0u) << error;
      EXPECT_EQ(injection.count("dup3"), calls) << error;
    }
    EXPECT_EQ(opened_by_copies(3), 0u);
    EXPECT_EQ(open_numbers(), before);
  }));
}

// A reader would wait for the end of file without end.
TEST(ProcessFaults, leaves_no_copy_of_a_pipe_that_was_lent_a_number) {
  EXPECT_TRUE(passes_in_child([] {
    FdPair pipe = make_pipe();
    UniqueFd high(::fcntl(pipe.second.get(), F_DUPFD_CLOEXEC, 100));
    pipe.second.reset();
    reserve_descriptors_for_spawn();
    const FaultInjection injection({.call = "dup3", .error = EMFILE, .nth = 2});
    Child child = spawn({.argv = {"true"}, .descriptors = {{10, high.get()}}});
    EXPECT_EQ(wait_child(child), 0);
    EXPECT_EQ(injection.failures(), 1u);
    high.reset();
    EXPECT_EQ(read_to_end(pipe.first.get()), "");
  }));
}

}  // namespace
}  // namespace tornado::test
