// SPDX-License-Identifier: Apache-2.0
#include "platform/fork_epoch.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <vector>

#include "platform/fork_epoch_checks.h"
#include "support/child.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

TEST(ForkEpoch, differs_between_a_process_its_child_and_its_grandchild) {
  expect_epochs_of_three_generations_to_differ();
}

TEST(ForkEpoch, is_one_for_all_threads_of_a_process) {
  const std::uint64_t mine = fork_epoch();
  std::uint64_t others = 0;
  Thread([&others] { others = fork_epoch(); }).join();
  EXPECT_EQ(others, mine);
}

TEST(ForkEpoch, is_one_for_threads_that_ask_first_at_the_same_time_in_a_child) {
  // A child that never looked is needed, and one whose threads all look at once.
  (void)fork_epoch();
  for (int round = 0; round < 20; ++round) {
    EXPECT_TRUE(passes_in_child([] {
      std::atomic<bool> go{false};
      std::array<std::uint64_t, 4> seen{};
      std::vector<Thread> threads;
      for (std::uint64_t& mine : seen) {
        threads.emplace_back([&mine, &go] {
          while (!go) std::this_thread::yield();
          mine = fork_epoch();
        });
      }
      go = true;
      for (Thread& thread : threads) thread.join();
      for (std::uint64_t each : seen) EXPECT_EQ(each, seen[0]);
    }));
  }
}

TEST(ForkEpoch, catches_a_child_made_by_a_bare_system_call) {
  EXPECT_TRUE(bare_clone_sees_another_epoch());
}

}  // namespace
}  // namespace tornado::test
