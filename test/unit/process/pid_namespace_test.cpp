// SPDX-License-Identifier: Apache-2.0
// Spawns by a process whose children live in another pid namespace than itself: there
// it has no pid, and the first child is process 1, whose end is the end of all.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "process/reported.h"
#include "process/spawn_posix.h"
#include "support/child.h"
#include "support/deny.h"
#include "tornado/fork_processes.h"
#include "tornado/spawn.h"
#include "tornado/subprocess.h"

namespace tornado::test {
namespace {

bool leave_for_children() {
  return ::unshare(CLONE_NEWPID) == 0;
}

/// A process 1 that lives until this is gone.
class Init {
 public:
  ~Init() {
    child_.in.reset();
    EXPECT_EQ(wait_child(child_), 0);
  }

 private:
  Child child_ = spawn({.argv = {"cat"}, .in = Stdio::pipe()});
};

/// What a spawn promises, however often; none of it is the first to end there.
void expect_that_spawn_keeps_its_word() {
  for (int i = 0; i < 3; ++i) {
    const Reported report = report_of({.argv = {"x"},
                                       .in = Stdio::null(),
                                       .process_group = 0,
                                       .parent_death_signal = SIGTERM});
    EXPECT_EQ(report.numbers(), (std::vector<int>{0, 1, 2}));
    EXPECT_EQ(report.values.at("ppid"), "0");
    EXPECT_EQ(report.values.at("pdeathsig"), std::to_string(SIGTERM));
    EXPECT_EQ(report.arguments, std::vector<std::string>{"x"});
    std::error_code ec;
    EXPECT_EQ(spawn({.argv = {"/no/such"}, .in = Stdio::pipe()}, ec).pid, -1);
    EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
    Child killed = spawn({.argv = {"sleep", "1000"}});
    EXPECT_EQ(::kill(killed.pid, SIGKILL), 0);
    EXPECT_EQ(wait_child(killed), -SIGKILL);
  }
}

class SpawnIntoPidNamespace : public testing::Test {
 protected:
  void SetUp() override {
    if (!is_true_in_child(leave_for_children)) GTEST_SKIP() << "no pid namespaces here";
  }
};

TEST_F(SpawnIntoPidNamespace, makes_its_first_process) {
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(leave_for_children());
    Child child = spawn({.shell = "test $$ = 1"});
    EXPECT_EQ(wait_child(child), 0);
  }));
}

// Where a call is missing, the first child has to live all the same.
TEST_F(SpawnIntoPidNamespace, makes_its_first_process_where_calls_are_refused) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  for (const int call : {SYS_close_range, SYS_pidfd_open, SYS_ppoll, SYS_openat}) {
    for (const bool before : {true, false}) {
      EXPECT_TRUE(passes_in_child([call, before] {
        if (!before) {
          ASSERT_TRUE(deny({{call, EOPNOTSUPP}}));
          (void)shown_means();
        }
        ASSERT_TRUE(leave_for_children());
        if (before) {
          ASSERT_TRUE(deny({{call, EOPNOTSUPP}}));
        }
        Child child = spawn({.argv = {"/bin/sleep", "1000"}});
        EXPECT_EQ(::kill(child.pid, 0), 0);
        EXPECT_EQ(::kill(child.pid, SIGKILL), 0);
        // openat is refused to the loader, too.
        const int returncode = wait_child(child);
        EXPECT_TRUE(returncode == -SIGKILL || call == SYS_openat) << returncode;
      })) << call;
    }
  }
}

TEST_F(SpawnIntoPidNamespace, keeps_its_word_from_the_first_child_on) {
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(leave_for_children());
    const Init init;
    expect_that_spawn_keeps_its_word();
  }));
}

TEST_F(SpawnIntoPidNamespace, keeps_its_word_after_spawns_elsewhere) {
  EXPECT_TRUE(passes_in_child([] {
    (void)shown_means();
    (void)shown_means();
    ASSERT_TRUE(leave_for_children());
    const Init init;
    expect_that_spawn_keeps_its_word();
  }));
}

// No link tells there which namespace the children are in.
TEST_F(SpawnIntoPidNamespace, keeps_its_word_without_proc) {
  EXPECT_TRUE(passes_in_child([] {
    (void)shown_means();
    ASSERT_EQ(::unshare(CLONE_NEWPID | CLONE_NEWNS), 0);
    ASSERT_EQ(::mount("none", "/", "none", MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(::mount("none", "/proc", "tmpfs", 0, nullptr), 0);
    const Init init;
    Child child = spawn({.argv = {"true"}, .parent_death_signal = SIGKILL});
    EXPECT_EQ(wait_child(child), 0);
  }));
}

TEST_F(SpawnIntoPidNamespace, is_awaited_by_a_loop) {
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(leave_for_children());
    const Init init;
    IOLoop loop;
    Subprocess child({.shell = "cat; exit 3", .in = Stdio::pipe()}, loop);
    child.in().reset();
    EXPECT_EQ(child.wait_for_exit(false), 3);
  }));
}

/// The returncode of a child half whose report `reader` may read, in the namespace.
int returncode_of_child_half(UniqueFd reader, const UniqueFd& writer) {
  Preparation preparation({.argv = {"true"}, .parent_death_signal = SIGKILL});
  ChildTask& task = preparation.task();
  const int kept[] = {0, 1, 2, writer.get()};
  task.kept = {kept, 4};
  task.first_unneeded = static_cast<unsigned>(writer.get()) + 1;
  task.report_to = writer.get();
  const pid_t pid = ::fork();
  if (pid == 0) {
    reader.reset();
    tornado_child_main(&task);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// The pipe stands for the parent, whose pid the child cannot see.
TEST_F(SpawnIntoPidNamespace, kills_a_first_process_whose_parent_has_ended) {
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(leave_for_children());
    FdPair pipe = make_pipe();
    pipe.first.reset();
    EXPECT_EQ(returncode_of_child_half({}, pipe.second), 128 + SIGKILL);
  }));
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(leave_for_children());
    FdPair pipe = make_pipe();
    EXPECT_EQ(returncode_of_child_half(std::move(pipe.first), pipe.second), 0);
  }));
}

TEST_F(SpawnIntoPidNamespace, works_for_workers_that_follow_their_parent) {
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(leave_for_children());
    const Init init;
    const ForkResult forked = fork_processes(2, {.max_restarts = 0});
    if (forked.task_id) ::_exit(::getppid() == 0 ? 0 : 1);
    EXPECT_EQ(forked.signal, 0);
  }));
}

}  // namespace
}  // namespace tornado::test
