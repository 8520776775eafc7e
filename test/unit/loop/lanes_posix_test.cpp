// SPDX-License-Identifier: Apache-2.0
// Lanes in a forked child, and on an old kernel.
#include <sys/syscall.h>

#include <optional>
#include <thread>

#include "every_loop.h"
#include "support/child.h"
#include "support/deny.h"

namespace tornado::test {
namespace {

class LanesPosix : public EveryLoop {};

TEST_P(LanesPosix, of_a_parent_refuse_until_the_loop_is_made_the_childs) {
  CallbackProducer lane = loop.handle().make_producer();
  int runs = 0;
  EXPECT_TRUE(lane.add_callback([&] { ++runs; }));
  EXPECT_TRUE(passes_in_child([&] {
    EXPECT_FALSE(lane.add_callback([] {}));
    loop.after_fork();
    EXPECT_TRUE(lane.add_callback([&] { loop.stop(); }));
    start();
    EXPECT_EQ(runs, 1) << "what waited at the fork was lost";
  }));
}

// An old kernel, or a filter: from the beginning, and from a moment when lanes are
// open.
TEST_P(LanesPosix, lose_no_wake_where_membarrier_is_refused) {
  if (!can_deny()) GTEST_SKIP() << "system calls cannot be denied here";
  const auto exchange = [this](CallbackProducer& lane) {
    // From within the loop and from another thread, to a loop that sleeps.
    for (int i = 0; i < 100; ++i) {
      std::thread poster([&] { lane.add_callback([this] { loop.stop(); }); });
      start();
      poster.join();
    }
  };
  for (const bool late : {false, true}) {
    EXPECT_TRUE(passes_in_child([&] {
      loop.after_fork();
      std::optional<CallbackProducer> lane;
      if (late) lane = loop.handle().make_producer();
      ASSERT_TRUE(deny({{SYS_membarrier, EPERM}}));
      if (!late) lane = loop.handle().make_producer();
      exchange(*lane);
    }));
  }
}

TORNADO_ON_EVERY_POLLER(LanesPosix);

}  // namespace
}  // namespace tornado::test
