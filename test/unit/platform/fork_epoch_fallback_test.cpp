// SPDX-License-Identifier: Apache-2.0
// A program of its own, since the mechanism is chosen once, at the first question.
#include <sys/mman.h>

#include "platform/fork_epoch_checks.h"
#include "support/deny.h"

namespace tornado::test {
namespace {

TEST(ForkEpoch, falls_back_to_pthread_atfork_where_pages_cannot_be_wiped) {
  if (!can_deny()) GTEST_SKIP() << "system calls cannot be denied here";
  constexpr Denied::Argument wipe_on_fork{2, MADV_WIPEONFORK};
  EXPECT_TRUE(passes_in_child([&] {
    ASSERT_TRUE(deny({{SYS_madvise, EINVAL, wipe_on_fork}}));
    expect_epochs_of_three_generations_to_differ();
    EXPECT_FALSE(bare_clone_sees_another_epoch()) << "the fallback was not in use";
  }));
}

TEST(ForkEpoch, does_not_believe_a_system_that_takes_every_advice) {
  if (!can_deny()) GTEST_SKIP() << "system calls cannot be denied here";
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(deny({{SYS_madvise, 0}})) << "each succeeds and does nothing";
    expect_epochs_of_three_generations_to_differ();
  }));
}

}  // namespace
}  // namespace tornado::test
