// SPDX-License-Identifier: Apache-2.0
// The waker of a loop, on every poller.
#include <gtest/gtest.h>

#include "support/descriptors.h"
#include "support/pollers.h"
#include "support/wait.h"
#include "tornado/ioloop.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;

TEST(IOLoop, closes_its_waker_when_it_is_closed) {
  const std::set<int> before = open_numbers();
  IOLoop loop;
  EXPECT_GT(open_numbers().size(), before.size());
  loop.close();
  EXPECT_EQ(open_numbers(), before);
}

class IOLoopOnEveryPoller : public testing::TestWithParam<PollerKind> {
 protected:
  void SetUp() override {
    TORNADO_SKIP_IF_REPLACED(GetParam(), IOLoop(GetParam()).poller());
  }
};

TEST_P(IOLoopOnEveryPoller, watches_its_waker_so_that_another_thread_wakes_it) {
  IOLoop loop(GetParam());
  bool ran = false;
  Thread other([&loop, &ran] {
    loop.add_callback([&ran, &loop] {
      ran = true;
      loop.stop();
    });
  });
  loop.start();
  EXPECT_TRUE(ran);
}

TEST_P(IOLoopOnEveryPoller, consumes_the_wake_so_that_the_loop_can_sleep_again) {
  IOLoop loop(GetParam());
  Thread other([&loop] { loop.add_callback([] {}); });
  loop.call_later(50ms, [&loop] { loop.stop(); });
  loop.start();
  // It may look again a few times before it sleeps, but not for all of that time.
  EXPECT_LT(loop.counters().turns, 1000u) << "a waker that is not consumed";
}

INSTANTIATE_TEST_SUITE_P(, IOLoopOnEveryPoller, testing::ValuesIn(poller_kinds()),
                         name_of_poller);

}  // namespace
}  // namespace tornado::test
