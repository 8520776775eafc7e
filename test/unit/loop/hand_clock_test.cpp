// SPDX-License-Identifier: Apache-2.0
#include "hand_clock.h"

#include <algorithm>
#include <vector>

#include "every_loop.h"
#include "support/wait.h"
#include "tornado/periodic_callback.h"

namespace tornado::test {
namespace {

/// When a periodic callback of 10 seconds is called whose calls last that long.
std::vector<double> calls_that_last(const std::vector<double>& durations,
                                    double jitter = 0) {
  HandClock clock;
  IOLoop loop(LoopOptions{.make_current = false, .hooks = clock.reference()});
  std::vector<double> calls;
  PeriodicCallback ticks(
      loop,
      [&] {
        const double lasts = durations[calls.size()];
        calls.push_back(clock.seconds());
        clock.advance(lasts);
        if (calls.size() == durations.size()) loop.stop();
      },
      10s, jitter);
  ticks.start();
  loop.start();
  return calls;
}

TEST(PeriodicCallback, keeps_to_its_grid) {
  EXPECT_EQ(calls_that_last({0, 0, 0, 0, 0}),
            (std::vector<double>{1010, 1020, 1030, 1040, 1050}));
  EXPECT_EQ(calls_that_last({1, 2, 3, 4, 5}),
            (std::vector<double>{1010, 1020, 1030, 1040, 1050}));
}

TEST(PeriodicCallback, skips_the_ticks_that_it_has_missed) {
  EXPECT_EQ(calls_that_last({9, 9, 10, 11, 20, 20, 35, 35, 0, 0, 0}),
            (std::vector<double>{1010, 1020, 1030, 1050, 1070, 1100, 1130, 1170, 1210,
                                 1220, 1230}));
}

TEST(PeriodicCallback, repeats_no_tick_when_the_clock_goes_back) {
  EXPECT_EQ(calls_that_last({-2, -1, -3, -2, 0}),
            (std::vector<double>{1010, 1020, 1030, 1040, 1050}));
  EXPECT_EQ(calls_that_last({-100, 0, 0}), (std::vector<double>{1010, 1020, 1030}));
}

TEST(PeriodicCallback, draws_each_step_from_both_sides_of_its_period) {
  const std::vector<double> calls = calls_that_last(std::vector<double>(1000), 0.5);
  std::vector<double> steps;
  for (double before = 1000; const double call : calls) {
    steps.push_back(call - before);
    before = call;
  }
  const auto [least, most] = std::ranges::minmax(steps);
  EXPECT_GE(least, 7.5 - 1e-6);
  EXPECT_LT(least, 8);
  EXPECT_GT(most, 12);
  EXPECT_LE(most, 12.5 + 1e-6);
}

class Looks : public testing::TestWithParam<PollerKind> {};

// A loop that looked now and then would have every post in the end, too.
TEST_P(Looks, have_no_limit_where_a_wake_alone_can_end_them) {
  HandClock clock;
  IOLoop loop(LoopOptions{
      .poller = GetParam(), .make_current = false, .hooks = clock.reference()});
  TORNADO_SKIP_IF_REPLACED(GetParam(), loop.poller());
  const std::uint64_t posts = 100;
  std::uint64_t ran = 0;
  Thread other([&] {
    for (std::uint64_t i = 0; i < posts; ++i) {
      const std::uint64_t before = clock.sleeps;
      loop.add_callback([&] {
        if (++ran == posts) loop.stop();
      });
      if (i + 1 == posts) return;
      EXPECT_TRUE(
          wait_until([&] { return clock.sleeps > before || clock.limited > 0; }));
      if (clock.limited > 0) return loop.stop();
    }
  });
  loop.start();
  other.join();
  EXPECT_EQ(clock.limited, 0u) << "the loop looks now and then";
  EXPECT_EQ(ran, posts);
  EXPECT_LE(clock.waits.size(), 4 * posts) << "the loop does not sleep";
}

TEST_P(Looks, last_until_the_next_timeout) {
  HandClock clock;
  IOLoop loop(LoopOptions{
      .poller = GetParam(), .make_current = false, .hooks = clock.reference()});
  TORNADO_SKIP_IF_REPLACED(GetParam(), loop.poller());
  loop.call_later(1h, [&] { loop.stop(); });
  loop.start();
  EXPECT_EQ(std::ranges::count(clock.waits, 1h), 1);
  EXPECT_LE(clock.waits.size(), 3u);
}

TORNADO_ON_EVERY_POLLER(Looks);

}  // namespace
}  // namespace tornado::test
