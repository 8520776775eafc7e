// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <string>
#include <system_error>

#include "process/exit_wait.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/scale.h"
#include "support/sleeps.h"
#include "support/wait.h"
#include "tornado/error.h"
#include "tornado/spawn.h"

namespace tornado::test {
namespace {

TEST(WaitChild, names_a_status_that_was_taken) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(deny({deny_kept_status(ENOTTY)}));
    Child child = spawn({.argv = {"true"}});
    ASSERT_EQ(::waitpid(child.pid, nullptr, 0), child.pid);
    try {
      (void)wait_child(child);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code(), Errc::status_taken);
      EXPECT_TRUE(std::string(e.what()).starts_with("wait for child")) << e.what();
    }
  }));
}

// While the stranger's wait is under way, the status is nowhere for an instant.
TEST(WaitChild, gives_the_status_beside_a_thread_that_reaps_every_child) {
  if (!keeps_status()) GTEST_SKIP() << "the kernel keeps no status";
  EXPECT_TRUE(passes_in_child([] {
    std::atomic<bool> done{false};
    Thread stranger([&done] {
      while (!done) ::waitpid(-1, nullptr, 0);
    });
    for (std::uint64_t i = 0; i < scaled(300); ++i) {
      const int code = static_cast<int>(i % 100);
      Child child = spawn({.shell = "exit " + std::to_string(code)});
      ASSERT_EQ(wait_child(child), code);
    }
    done = true;
  }));
}

/// A child that this thread traces, and which has stopped for that.
class TracedCat {
 public:
  TracedCat() {
    traced_ = ::ptrace(PTRACE_SEIZE, child.pid, 0, 0) == 0 &&
              ::ptrace(PTRACE_INTERRUPT, child.pid, 0, 0) == 0 && has_stopped();
  }

  [[nodiscard]] bool is_traced() const { return traced_; }
  /// The stop is still there to be taken.
  [[nodiscard]] bool has_stopped() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(child.pid), &info,
                    WSTOPPED | WNOWAIT | __WALL) == 0 &&
           info.si_code == CLD_TRAPPED;
  }
  void let_go() {
    EXPECT_EQ(::waitpid(child.pid, nullptr, __WALL), child.pid);
    EXPECT_EQ(::ptrace(PTRACE_DETACH, child.pid, 0, 0), 0);
    child.in.reset();
  }

  Child child = spawn({.argv = {"cat"}, .in = Stdio::pipe()});

 private:
  bool traced_ = false;
};

TEST(WaitChild, leaves_the_stop_of_a_traced_child_to_its_tracer) {
  EXPECT_TRUE(passes_in_child([] {
    TracedCat cat;
    if (!cat.is_traced()) return;  // tracing is forbidden here
    for (const NativeFd process : {cat.child.process.get(), invalid_fd}) {
      EXPECT_FALSE(reap(cat.child.pid, process, WaitFor::nothing));
      EXPECT_TRUE(cat.has_stopped());
    }
    cat.let_go();
    EXPECT_EQ(wait_child(cat.child), 0);
  }));
}

TEST(WaitChild, takes_no_stop_of_a_traced_child_for_its_end) {
  for (const bool by_descriptor : {true, false}) {
    EXPECT_TRUE(passes_in_child([by_descriptor] {
      TracedCat cat;
      if (!cat.is_traced()) return;  // tracing is forbidden here
      if (!by_descriptor) cat.child.process.reset();
      std::atomic<pid_t> waits{0};
      std::atomic<int> returncode{-1};
      Thread waiter([&] {
        waits = static_cast<pid_t>(::syscall(SYS_gettid));
        Child child;
        child.pid = cat.child.pid;
        child.process = std::move(cat.child.process);
        returncode = wait_child(child);
      });
      EXPECT_TRUE(wait_until([&waits] { return waits != 0 && sleeps(waits); }));
      EXPECT_TRUE(cat.has_stopped());
      cat.let_go();
      waiter.join();
      EXPECT_EQ(returncode, 0);
    })) << by_descriptor;
  }
}

}  // namespace
}  // namespace tornado::test
