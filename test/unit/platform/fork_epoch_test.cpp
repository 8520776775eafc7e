// SPDX-License-Identifier: Apache-2.0
#include "platform/fork_epoch.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

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

bool kernel_wipes_pages() {
  const int page_size = ::getpagesize();
  void* page = ::mmap(nullptr, static_cast<std::size_t>(page_size),
                      PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return false;
  auto* const byte = static_cast<char*>(page);
  *byte = 'x';
  const bool taken =
      ::madvise(page, static_cast<std::size_t>(page_size), MADV_WIPEONFORK) == 0;
  const bool wiped = taken && run_in_child([byte] {
                                return std::string(*byte ? "" : "wiped");
                              }).output == "wiped";
  ::munmap(page, static_cast<std::size_t>(page_size));
  return wiped;
}

TEST(ForkEpoch, catches_a_child_made_by_a_bare_system_call) {
  if (!kernel_wipes_pages()) GTEST_SKIP() << "MADV_WIPEONFORK has no effect here";
  EXPECT_TRUE(bare_clone_sees_another_epoch());
}

}  // namespace
}  // namespace tornado::test
