// SPDX-License-Identifier: Apache-2.0
#include "tornado/subprocess.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "process/reported.h"
#include "process/subprocess_acts.h"
#include "process/talk.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/limits.h"
#include "support/scale.h"
#include "support/signals.h"
#include "tornado/ioloop.h"
#include "tornado/periodic_callback.h"
#include "tornado/platform.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;

TEST(Subprocess, is_told_of_an_end_that_came_before_it_asked) {
  IOLoop loop;
  Subprocess child({.shell = "exit 4"});
  EXPECT_EQ(child.wait_for_exit(false), 4);
  EXPECT_EQ(exit_of(child, loop).returncode, 4);
  EXPECT_EQ(child.wait_for_exit(false), 4);
}

TEST(Subprocess, waits_no_longer_than_asked) {
  IOLoop loop;
  Subprocess child({.argv = {"sleep", "1000"}});
  expect_no_longer_wait_than_asked(child);
  EXPECT_TRUE(child.kill());
  EXPECT_EQ(child.wait_for_exit(false), -SIGKILL);
}

TEST(Subprocess, names_the_signal_that_killed_the_child) {
  IOLoop loop;
  Subprocess child({.shell = "kill -9 $$"});
  try {
    child.wait_for_exit();
    ADD_FAILURE() << "did not throw";
  } catch (const CalledProcessError& error) {
    EXPECT_EQ(error.returncode(), -9);
    EXPECT_EQ(error.what(),
              "child " + std::to_string(child.pid()) + " was killed by signal 9");
  }
}

TEST(Subprocess, refuses_to_wait_within_a_callback) {
  IOLoop loop;
  Subprocess child({.argv = {"true"}});
  expect_no_wait_within_a_callback(loop, child);
}

TEST(Subprocess, signals_no_process_once_the_child_is_reaped) {
  IOLoop loop;
  Subprocess child({.argv = {"true"}});
  EXPECT_EQ(child.wait_for_exit(), 0);
  EXPECT_FALSE(child.send_signal(SIGKILL));
  EXPECT_FALSE(child.terminate());
}

TEST(Subprocess, may_be_destroyed_in_its_exit_callback) {
  IOLoop loop;
  expect_destruction_in_its_exit_callback(loop, {.argv = {"true"}});
}

TEST(Subprocess, may_be_moved_onto_another_which_goes_on_alone) {
  IOLoop loop;
  Subprocess child({.argv = {"true"}});
  child = Subprocess({.shell = "exit 6"});
  EXPECT_EQ(child.wait_for_exit(false), 6);
  EXPECT_TRUE(wait_until([&] {
    loop.run_sync([] {});
    return !has_children();
  }));
}

TEST(Subprocess, is_reaped_by_the_loop_after_it_was_destroyed) {
  EXPECT_TRUE(passes_in_child([] {
    IOLoop loop;
    std::optional<Subprocess> child(std::in_place,
                                    SpawnOptions{.argv = {"cat"}, .in = STREAM});
    child->set_exit_callback([](ExitStatus) { ADD_FAILURE() << "called"; });
    child.reset();  // closes cat's stdin
    PeriodicCallback look(
        loop,
        [&loop] {
          if (!has_children()) loop.stop();
        },
        1ms);
    look.start();
    loop.start();
    EXPECT_FALSE(has_children());
  }));
}

TEST(Subprocess, is_reaped_by_a_thread_after_its_loop_was_closed) {
  EXPECT_TRUE(passes_in_child([] {
    FdPair pipe = make_pipe();
    set_nonblocking(pipe.first.get(), false);
    {
      IOLoop loop;
      Subprocess child({.argv = {"cat"}, .in = Stdio::descriptor(pipe.first.get())});
      loop.close();
    }
    EXPECT_TRUE(has_children());
    pipe = {};
    EXPECT_TRUE(wait_until([] { return !has_children(); }));
  }));
}

TEST(Subprocess, outlives_a_loop_that_closes_all_descriptors) {
  reserve_descriptors_for_spawn();
  const std::set<int> before = open_numbers();
  {
    std::optional<IOLoop> loop(std::in_place);
    Subprocess child({.argv = {"cat"}, .in = STREAM, .out = STREAM});
    child.communicate("x", [](Communicated) { ADD_FAILURE() << "called"; });
    loop->close(true);
    loop.reset();
    // Their numbers go to others, who keep them.
    const UniqueFd a = make_pipe().first;
    child.kill();
    child.in().reset();
  }
  EXPECT_TRUE(wait_until([&before] { return open_numbers() == before; }));
}

TEST(Subprocess, outlives_a_closed_loop_while_it_communicates) {
  reserve_descriptors_for_spawn();
  const std::set<int> before = open_numbers();
  {
    std::optional<IOLoop> loop(std::in_place);
    Subprocess child({.argv = {"cat"}, .in = STREAM, .out = STREAM});
    child.communicate("x", [](Communicated) { ADD_FAILURE() << "called"; });
    loop->close();
    loop.reset();
    EXPECT_TRUE(child.in()) << "which are the child's owner's to close";
  }
  EXPECT_TRUE(wait_until([&before] { return open_numbers() == before; }));
}

TEST(Subprocess, leaves_foreign_children_alone) {
  IOLoop loop;
  Child foreign = spawn({.shell = "exit 5"});
  Subprocess child({.argv = {"true"}});
  EXPECT_EQ(child.wait_for_exit(), 0);
  const pid_t forked = ::fork();
  if (forked == 0) ::_exit(6);
  Subprocess second({.argv = {"true"}});
  EXPECT_EQ(second.wait_for_exit(), 0);
  EXPECT_EQ(wait_child(foreign), 5);
  int status = 0;
  EXPECT_EQ(::waitpid(forked, &status, 0), forked);
  EXPECT_EQ(WEXITSTATUS(status), 6);
}

// As before Linux 6.15, or in a sandbox that knows no such call.
TEST(Subprocess, reports_a_status_that_was_taken) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  for (const int error : {ENOTTY, EINVAL, EPERM, ENOSYS, EOPNOTSUPP, EUCLEAN}) {
    EXPECT_TRUE(passes_in_child([error] {
      ASSERT_TRUE(deny({deny_kept_status(error)}));
      IOLoop loop;
      Subprocess child({.argv = {"true"}});
      int status;
      EXPECT_EQ(::waitpid(-1, &status, 0), child.pid());
      EXPECT_FALSE(child.terminate());
      EXPECT_EQ(exit_of(child, loop).error, Errc::status_taken);
      EXPECT_FALSE(child.returncode());
      EXPECT_THROW(child.wait_for_exit(), std::system_error);
    })) << error;
  }
}

TEST(Subprocess, reports_a_status_that_was_thrown_away) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(deny({deny_kept_status(ENOTTY)}));
    ::signal(SIGCHLD, SIG_IGN);
    IOLoop loop;
    Subprocess child({.argv = {"true"}});
    EXPECT_EQ(exit_of(child, loop).error, Errc::status_taken);
    // That the child could not start is known all the same.
    std::error_code ec;
    (void)spawn({.argv = {"/no/such"}}, ec);
    EXPECT_EQ(ec.value(), ENOENT);
  }));
}

TEST(Subprocess, knows_the_status_of_a_child_that_other_code_reaped) {
  if (!keeps_status()) GTEST_SKIP() << "the kernel keeps no status";
  EXPECT_TRUE(passes_in_child([] {
    IOLoop loop;
    for (const auto& [line, returncode] :
         {std::pair("exit 7", 7), std::pair("kill -9 $$", -SIGKILL)}) {
      Subprocess child({.shell = line});
      int status;
      EXPECT_EQ(::waitpid(-1, &status, 0), child.pid());
      EXPECT_FALSE(child.terminate());
      EXPECT_EQ(child.wait_for_exit(false), returncode);
      EXPECT_EQ(child.returncode(), returncode);
    }
  }));
}

TEST(Subprocess, knows_the_status_that_an_ignored_sigchld_throws_away) {
  if (!keeps_status()) GTEST_SKIP() << "the kernel keeps no status";
  EXPECT_TRUE(passes_in_child([] {
    ::signal(SIGCHLD, SIG_IGN);
    IOLoop loop;
    for (int code = 0; code < 100; ++code) {
      Subprocess child({.shell = "exit " + std::to_string(code)});
      ASSERT_EQ(child.wait_for_exit(false), code);
    }
  }));
}

TEST(Subprocess, leaves_the_disposition_of_sigchld_alone) {
  const SignalScope handler(SIGCHLD, [](int) {});
  struct sigaction before;
  ::sigaction(SIGCHLD, nullptr, &before);
  IOLoop loop;
  Subprocess child({.argv = {"true"}});
  EXPECT_EQ(child.wait_for_exit(), 0);
  struct sigaction after;
  ::sigaction(SIGCHLD, nullptr, &after);
  EXPECT_EQ(before.sa_handler, after.sa_handler);
}

TEST(Subprocess, a_thousand_that_end_at_once_are_all_reported) {
  EXPECT_TRUE(passes_in_child([] {
    IOLoop loop;
    const int count = static_cast<int>(scaled(1000));
    FdPair gate = make_pipe();
    set_nonblocking(gate.first.get(), false);
    std::vector<Subprocess> children;
    int reported = 0;
    for (int i = 0; i < count; ++i) {
      children.emplace_back(
          SpawnOptions{.shell = "read x; exit " + std::to_string(i % 97),
                       .in = Stdio::descriptor(gate.first.get())});
      children.back().set_exit_callback([&, i](ExitStatus status) {
        EXPECT_FALSE(status.error);
        EXPECT_EQ(status.returncode, i % 97);
        if (++reported == count) loop.stop();
      });
    }
    gate.second.reset();  // the end of file for all of them
    loop.call_later(patience, [&loop] { loop.stop(); });
    loop.start();
    EXPECT_EQ(reported, count);
    EXPECT_FALSE(has_children());
  }));
}

/// As on a kernel before 5.2, or in a sandbox.
bool deny_pidfds() {
  constexpr unsigned flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD;
  return deny({{SYS_clone, EINVAL, {{0, flags}}},
               {SYS_clone, EINVAL, {{0, flags | CLONE_FILES}}},
               {SYS_pidfd_open, ENOSYS},
               {SYS_pidfd_send_signal, ENOSYS}});
}

TEST(Subprocess, tells_a_forked_child_of_the_end_without_pidfds) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(deny_pidfds());
    IOLoop loop;
    Subprocess child({.argv = {"cat"}, .in = Stdio::pipe()}, loop);
    EXPECT_TRUE(passes_in_child([&] {
      loop.after_fork();
      ::kill(child.pid(), SIGKILL);
      EXPECT_EQ(exit_of(child, loop).error, Errc::status_taken);
    }));
    EXPECT_EQ(child.wait_for_exit(false), -SIGKILL);
  }));
}

TEST(Subprocess, works_without_pidfds) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(deny_pidfds());
    IOLoop loop;
    Subprocess child({.argv = {"sleep", "1000"}});
    EXPECT_TRUE(child.send_signal(SIGTERM));
    EXPECT_EQ(child.wait_for_exit(false), -SIGTERM);
    EXPECT_FALSE(child.kill());

    Subprocess stolen({.argv = {"true"}});
    int status;
    EXPECT_EQ(::waitpid(stolen.pid(), &status, 0), stolen.pid());
    EXPECT_FALSE(stolen.kill());
    EXPECT_EQ(exit_of(stolen, loop).error, Errc::status_taken);

    { Subprocess abandoned({.argv = {"true"}}); }
    loop.close();
    EXPECT_TRUE(wait_until([] { return !has_children(); }));
    try {
      Subprocess late({.argv = {"sleep", "1000"}}, loop);
      ADD_FAILURE() << "did not throw";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), Errc::loop_closed);
    }
    EXPECT_FALSE(has_children());
  }));
}

/// Traces a process, and so keeps its end to itself, until it is let go.
class Debugger {
 public:
  explicit Debugger(int traced) : pid_(::fork()) {
    if (pid_ == 0) trace(traced);
    attached_.second.reset();
    orders_.first.reset();
    is_attached_ = !read_to_end(attached_.first.get()).empty();
  }
  ~Debugger() { let_go(); }

  bool is_attached() const { return is_attached_; }
  void let_go() {
    if (!orders_.second) return;
    orders_.second.reset();
    EXPECT_EQ(::waitpid(pid_, nullptr, 0), pid_);
  }

 private:
  [[noreturn]] void trace(int traced) {
    orders_.second.reset();
    if (::ptrace(PTRACE_SEIZE, traced, 0, 0) == -1) ::_exit(1);
    put_byte(attached_.second);
    attached_.second.reset();
    (void)read_to_end(orders_.first.get());
    ::_exit(0);
  }

  FdPair attached_ = make_pipe();
  FdPair orders_ = make_pipe();
  int pid_;
  bool is_attached_ = false;
};

TEST(Subprocess, does_not_look_again_and_again_for_an_end_that_a_debugger_keeps) {
  IOLoop loop;
  Subprocess child({.argv = {"sleep", "1000"}}, loop);
  Debugger debugger(child.pid());
  EXPECT_TRUE(child.kill());
  if (!debugger.is_attached()) GTEST_SKIP() << "nobody may be traced here";
  loop.call_later(20ms, [&loop] { loop.stop(); });
  loop.start();
  EXPECT_LT(loop.counters().turns, 10u);
  EXPECT_FALSE(child.returncode());
  debugger.let_go();
  EXPECT_EQ(child.wait_for_exit(false), -SIGKILL);
}

TEST(Subprocess, tells_that_it_may_not_wait) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  EXPECT_TRUE(passes_in_child([] {
    IOLoop loop;
    Subprocess child({.argv = {"true"}});
    ASSERT_TRUE(deny({{SYS_waitid, EPERM}}));
    EXPECT_EQ(exit_of(child, loop).error, std::errc::operation_not_permitted);
    EXPECT_FALSE(child.returncode());
  }));
}

TEST(Subprocess, reaps_later_what_it_can_neither_watch_nor_kill) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  EXPECT_TRUE(passes_in_child([] {
    IOLoop loop;
    loop.close();
    ASSERT_TRUE(deny({{SYS_pidfd_send_signal, ESRCH}}));
    EXPECT_THROW(Subprocess({.argv = {"true"}}, loop), std::system_error);
    EXPECT_TRUE(wait_until([] { return !has_children(); }));
  }));
}

TEST(Subprocess, leaves_nothing_behind_when_the_loop_cannot_watch_it) {
  EXPECT_TRUE(passes_in_child([] {
    IOLoop loop;
    loop.close();
    reserve_descriptors_for_spawn();
    const std::set<int> before = open_numbers();
    try {
      Subprocess child({.argv = {"sleep", "1000"}, .in = STREAM}, loop);
      ADD_FAILURE() << "did not throw";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), Errc::loop_closed);
    }
    EXPECT_EQ(open_numbers(), before);
    EXPECT_FALSE(has_children());
  }));
}

TEST(Subprocess, a_forked_copy_leaves_the_child_to_the_parent) {
  IOLoop loop;
  std::optional<Subprocess> child(std::in_place,
                                  SpawnOptions{.argv = {"cat"}, .in = STREAM});
  EXPECT_TRUE(passes_in_child([&child] { child.reset(); }));
  child->in().reset();
  EXPECT_EQ(child->wait_for_exit(), 0);
}

bool enter_small_pid_namespace() {
  return ::unshare(CLONE_NEWPID | CLONE_NEWNS) == 0;
}

// Pids come round after a few hundred spawns; a stranger with the pid of a child that
// was reaped must never be signalled.
TEST(Subprocess, no_other_process_is_signalled_when_pids_are_reused) {
  if (!is_true_in_child(enter_small_pid_namespace)) {
    GTEST_SKIP() << "no pid namespaces here";
  }
  EXPECT_TRUE(passes_in_child(
      [] {
        ASSERT_TRUE(enter_small_pid_namespace());
        // The first child is the namespace's init, in which the rest happens.
        EXPECT_TRUE(passes_in_child(
            [] {
              ASSERT_EQ(::getpid(), 1);
              ::mount("none", "/", "none", MS_REC | MS_PRIVATE, nullptr);
              ASSERT_EQ(::mount("proc", "/proc", "proc", 0, nullptr), 0);
              std::ofstream("/proc/sys/kernel/pid_max") << 400 << std::flush;
              IOLoop loop;
              std::vector<Subprocess> ended;
              std::vector<int> pids(500, 0);
              int reused = 0;
              for (std::uint64_t i = scaled(1500); i > 0; --i) {
                Subprocess child({.argv = {"cat"}, .in = STREAM});
                auto& seen = pids.at(static_cast<std::size_t>(child.pid()));
                if (seen++ > 0) ++reused;
                // All that ended before try to kill the one that lives now.
                for (Subprocess& old : ended) EXPECT_FALSE(old.kill());
                child.in().reset();
                ASSERT_EQ(child.wait_for_exit(false), 0);
                if (ended.size() < 400) ended.push_back(std::move(child));
              }
              EXPECT_TRUE(scaled(1500) < 1500 || reused > 500) << reused;
              EXPECT_FALSE(has_children());
            },
            std::chrono::minutes(5)));
      },
      std::chrono::minutes(5)));
}

}  // namespace
}  // namespace tornado::test
