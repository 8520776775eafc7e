// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/fork_epoch.h"
#include "support/child.h"

namespace tornado::test {

/// The numbers of a process, its child, its grandchild, and the first again.
inline void expect_epochs_of_three_generations_to_differ() {
  const std::uint64_t mine = fork_epoch();
  EXPECT_EQ(fork_epoch(), mine);
  EXPECT_TRUE(passes_in_child([mine] {
    // Asked for in the grandchild first: a generation that never looked counts too.
    EXPECT_TRUE(passes_in_child([mine] { EXPECT_NE(fork_epoch(), mine); }));
    const std::uint64_t childs = fork_epoch();
    EXPECT_NE(childs, mine);
    EXPECT_EQ(fork_epoch(), childs);
    EXPECT_TRUE(passes_in_child([mine, childs] {
      EXPECT_NE(fork_epoch(), mine);
      EXPECT_NE(fork_epoch(), childs);
    }));
    EXPECT_EQ(fork_epoch(), childs);
  }));
  EXPECT_EQ(fork_epoch(), mine);
}

/// A child that no pthread_atfork handler hears of.
inline bool bare_clone_sees_another_epoch() {
  const std::uint64_t mine = fork_epoch();
  const auto pid = static_cast<pid_t>(
      ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (pid == 0) ::_exit(fork_epoch() != mine ? 1 : 0);
  int status = -1;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

}  // namespace tornado::test
