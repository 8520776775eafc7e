// SPDX-License-Identifier: Apache-2.0
// What the page on Tornado's platform.posix says of the loop and its waker.
#include <gtest/gtest.h>

#include "support/descriptors.h"
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

class EveryPoller : public testing::TestWithParam<PollerKind> {};

TEST_P(EveryPoller, has_the_waker_in_its_set_and_another_thread_wakes_the_loop) {
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

TEST_P(EveryPoller, consumes_the_wake_so_that_the_loop_can_sleep_again) {
  IOLoop loop(GetParam());
  Thread other([&loop] { loop.add_callback([] {}); });
  loop.call_later(50ms, [&loop] { loop.stop(); });
  loop.start();
  EXPECT_LT(loop.counters().turns, 20u) << "an unconsumed waker makes the loop spin";
}

INSTANTIATE_TEST_SUITE_P(, EveryPoller, testing::ValuesIn(poller_kinds()),
                         [](const auto& test) {
                           return std::string(to_string(test.param));
                         });

}  // namespace
}  // namespace tornado::test
