// SPDX-License-Identifier: Apache-2.0
// A child without a descriptor of its own, whose end a kqueue tells.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/exit_wait.h"
#include "process/exit_watch.h"
#include "support/wait.h"
#include "tornado/ioloop.h"
#include "tornado/platform.h"

namespace tornado::test {
namespace {

/// Ends with 7 when it is let go.
class Child {
 public:
  Child() : pid_(::fork()) {
    if (pid_ != 0) return;
    hold_.second.reset();
    (void)becomes_readable(hold_.first.get());
    ::_exit(7);
  }
  [[nodiscard]] int pid() const { return pid_; }
  void let_go() { hold_.second.reset(); }
  int reap() {
    int status = 0;
    EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
    return status;
  }
  /// It can be reaped, and was not.
  void await_zombie() {
    siginfo_t info;
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT), 0);
  }

 private:
  FdPair hold_ = make_pipe();
  int pid_;
};

TEST(ExitDescriptor, is_readable_once_the_child_can_be_reaped) {
  Child child;
  const UniqueFd end = open_exit_descriptor(child.pid());
  ASSERT_TRUE(end);
  EXPECT_TRUE(is_close_exec(end.get()));
  EXPECT_FALSE(is_readable(end.get()));
  child.let_go();
  EXPECT_TRUE(becomes_readable(end.get()));
  EXPECT_TRUE(is_readable(end.get())) << "looking takes nothing away";
  EXPECT_EQ(WEXITSTATUS(child.reap()), 7);
}

TEST(ExitDescriptor, is_readable_at_once_for_a_child_that_has_ended) {
  Child child;
  child.let_go();
  child.await_zombie();
  const UniqueFd end = open_exit_descriptor(child.pid());
  ASSERT_TRUE(end);
  EXPECT_TRUE(is_readable(end.get()));
  EXPECT_EQ(WEXITSTATUS(child.reap()), 7);
}

TEST(ExitDescriptor, is_readable_at_once_for_one_that_the_kernel_does_not_find) {
  Child child;
  child.let_go();
  (void)child.reap();
  const UniqueFd end = open_exit_descriptor(child.pid());
  ASSERT_TRUE(end);
  EXPECT_TRUE(is_readable(end.get()));
}

TEST(ExitDescriptor, tells_a_loop_of_the_end) {
  Child child;
  IOLoop loop;
  const auto watch = std::make_shared<ExitWatch>(loop);
  watch->adopt(child.pid(), UniqueFd());
  int returncode = -1;
  watch->set_callback([&](const ExitStatus& status) {
    EXPECT_FALSE(status.error);
    returncode = status.returncode;
    loop.stop();
  });
  watch->start();
  EXPECT_NE(watch->fileno(), invalid_fd) << "and not by a thread";
  child.let_go();
  loop.start();
  EXPECT_EQ(returncode, 7);
  EXPECT_EQ(watch->fileno(), invalid_fd);
}

}  // namespace
}  // namespace tornado::test
