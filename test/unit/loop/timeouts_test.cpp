// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "every_loop.h"
#include "support/heap.h"
#include "support/scale.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

class Timeouts : public EveryLoop {};

TEST_P(Timeouts, are_never_early_and_in_order) {
  Random random(test_seed());
  const int count = static_cast<int>(scaled(2000));
  const TimePoint begin = loop.time();
  int early = 0;
  int fired = 0;
  TimePoint last{};
  bool sorted = true;
  for (int i = 0; i < count; ++i) {
    const TimePoint deadline =
        begin + std::chrono::nanoseconds(random.below(200'000'000));
    loop.call_at(deadline, [&, deadline] {
      early += loop.time() < deadline;
      sorted = sorted && last <= deadline;
      last = deadline;
      if (++fired == count) loop.stop();
    });
  }
  start();
  EXPECT_EQ(early, 0);
  EXPECT_TRUE(sorted);
}

TEST_P(Timeouts, with_equal_deadlines_run_in_the_order_of_adding) {
  // Where everything stands still for so long that nothing can be told: once more.
  bool in_time = false;
  for (auto unit = 10ms; !in_time; unit *= 2) {
    std::vector<int> order;
    const TimePoint soon = loop.time() + 2 * unit;
    const TimePoint later = loop.time() + 4 * unit;
    for (int i = 0; i < 50; ++i) {
      loop.call_at(later, [&order, i] { order.push_back(1000 + i); });
      loop.call_at(soon, [&order, i] { order.push_back(i); });
    }
    // Once the time has moved on, others with the same deadlines take another way in.
    loop.call_later(unit, [&] {
      for (int i = 50; i < 100; ++i) {
        loop.call_at(soon, [&order, i] { order.push_back(i); });
        loop.call_at(later, [&order, i] { order.push_back(1000 + i); });
      }
      in_time = loop.time() < soon;
      loop.call_at(later + 1ms, [&] { loop.stop(); });
    });
    start();
    EXPECT_EQ(order.size(), 200u);
    EXPECT_TRUE(!in_time || std::is_sorted(order.begin(), order.end()));
  }
}

TEST_P(Timeouts, need_few_turns_each) {
  int fired = 0;
  const int count = 20;
  std::function<void()> next = [&] {
    if (++fired == count) return loop.stop();
    loop.call_later(1500us, [&] { next(); });
  };
  loop.call_later(1500us, [&] { next(); });
  start();
  EXPECT_LT(loop.counters().turns, few_turns) << "a delay is rounded down";
}

TEST_P(Timeouts, of_zero_that_add_themselves_do_not_starve_callbacks_and_descriptors) {
  const FdPair pipe = make_pipe();
  bool called = false;
  int reads = 0;
  std::function<void()> again = [&] { loop.call_later(0ns, [&] { again(); }); };
  loop.call_later(0ns, [&] { again(); });
  loop.add_handler(
      pipe.first.get(),
      [&](NativeFd fd, Events) {
        ++reads;
        loop.remove_handler(fd);
        loop.add_callback([&] {
          called = true;
          loop.stop();
        });
      },
      Events::read);
  loop.call_later(1ms, [&] { put_byte(pipe.second); });
  start();
  EXPECT_TRUE(called);
  EXPECT_EQ(reads, 1);
}

TEST_P(Timeouts, added_by_one_that_runs_wait_for_the_next_turn) {
  std::vector<std::uint64_t> turns;
  loop.call_at(TimePoint(), [&] {
    turns.push_back(loop.counters().turns);
    loop.call_at(TimePoint(), [&] {
      turns.push_back(loop.counters().turns);
      loop.stop();
    });
  });
  start();
  ASSERT_EQ(turns.size(), 2u);
  EXPECT_EQ(turns[1], turns[0] + 1);
}

TEST_P(Timeouts, take_every_delay_there_is) {
  using Seconds = std::chrono::duration<double>;
  using Limits = std::numeric_limits<double>;
  int fired = 0;
  for (const double now : {0.0, -0.0, -1.0, -1e308, -Limits::infinity(), 1e-300,
                           Limits::denorm_min(), -Limits::denorm_min()}) {
    loop.call_later(Seconds(now), [&] { ++fired; });
  }
  std::vector<TimeoutHandle> never;
  for (const double far : {1e10, 1e18, 1e308, Limits::infinity()}) {
    never.push_back(loop.call_later(Seconds(far), [] { FAIL(); }));
  }
  never.push_back(loop.call_later(std::chrono::hours::max(), [] { FAIL(); }));
  never.push_back(loop.call_at((TimePoint::max)(), [] { FAIL(); }));
  loop.call_at((TimePoint::min)(), [&] { ++fired; });
  loop.call_at(TimePoint(), [&] { ++fired; });
  loop.call_later(5ms, [&] { loop.stop(); });
  start();
  EXPECT_EQ(fired, 10);
  for (const TimeoutHandle timeout : never) EXPECT_TRUE(loop.remove_timeout(timeout));
  EXPECT_EQ(error_of([&] { loop.call_later(Seconds(std::nan("")), [] {}); }),
            std::errc::invalid_argument);
}

TEST_P(Timeouts, free_their_callable_when_they_are_removed) {
  const auto alive = std::make_shared<int>(0);
  const auto near = loop.call_later(0ns, [alive] {});
  const auto far = loop.call_later(1h, [alive] {});
  EXPECT_EQ(alive.use_count(), 3);
  EXPECT_TRUE(loop.remove_timeout(far));
  EXPECT_EQ(alive.use_count(), 2);
  EXPECT_TRUE(loop.remove_timeout(near));
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_FALSE(loop.remove_timeout(near));
  EXPECT_FALSE(loop.remove_timeout({}));
}

TEST_P(Timeouts, of_another_loop_are_not_touched) {
  IOLoop other(IOLoop::Options{GetParam(), WakerKind::best, false});
  const TimeoutHandle mine = loop.call_later(1h, [] {});
  TimeoutHandle theirs = other.call_later(1h, [] {});
  EXPECT_FALSE(loop.update_timeout(theirs, loop.time()));
  EXPECT_FALSE(loop.remove_timeout(theirs));
  EXPECT_FALSE(other.remove_timeout(mine));
  EXPECT_TRUE(loop.remove_timeout(mine));
  EXPECT_TRUE(other.remove_timeout(theirs));
}

TEST_P(Timeouts, have_handles_that_compare_and_hash_and_may_be_empty) {
  TimeoutHandle one = loop.call_later(1h, [] {});
  const TimeoutHandle two = loop.call_later(1h, [] {});
  const TimeoutHandle first = one;
  EXPECT_TRUE(one);
  EXPECT_FALSE(TimeoutHandle());
  EXPECT_EQ(first, one);
  EXPECT_NE(one, two);
  EXPECT_NE(one, TimeoutHandle());
  std::unordered_map<TimeoutHandle, int> names = {{one, 1}, {two, 2}};
  EXPECT_EQ(names.at(one) * 10 + names.at(two), 12);
  EXPECT_TRUE(loop.update_timeout(one, loop.time()));
  EXPECT_NE(first, one) << "a moved timeout has another name";
  EXPECT_FALSE(names.contains(one));
}

TEST_P(Timeouts, may_be_moved) {
  std::vector<int> order;
  const TimePoint begin = loop.time();
  TimeoutHandle one = loop.call_at(begin + 5ms, [&] { order.push_back(1); });
  TimeoutHandle two = loop.call_at(begin + 1h, [&] { order.push_back(2); });
  TimeoutHandle three = loop.call_at(begin + 10ms, [&] { order.push_back(3); });
  const TimeoutHandle stale = one;
  EXPECT_TRUE(loop.update_timeout(one, begin + 20ms));
  EXPECT_TRUE(loop.update_timeout(two, begin));
  EXPECT_FALSE(loop.remove_timeout(stale)) << "an old name was still good";
  loop.call_at(begin + 30ms, [&] { loop.stop(); });
  start();
  EXPECT_EQ(order, (std::vector{2, 3, 1}));
  EXPECT_FALSE(loop.update_timeout(three, loop.time()));
}

TEST_P(Timeouts, may_be_moved_while_they_are_due) {
  std::vector<int> order;
  TimeoutHandle second;
  loop.call_at(TimePoint(1ns), [&] {
    order.push_back(1);
    EXPECT_TRUE(loop.update_timeout(second, loop.time() + 1h));
  });
  second = loop.call_at(TimePoint(2ns), [&] { order.push_back(2); });
  turn();
  EXPECT_EQ(order, std::vector{1});
  EXPECT_TRUE(loop.remove_timeout(second));
}

// Whether or not there is another timeout.
TEST_P(Timeouts, added_during_a_turn_wait_for_the_next) {
  for (const bool another : {false, true}) {
    std::vector<std::string> order;
    if (another) loop.call_later(1h, [] {});
    loop.add_callback([&] {
      loop.call_at(TimePoint(), [&] { order.emplace_back("timeout"); });
      loop.add_callback([&] { order.emplace_back("callback"); });
    });
    turn();
    EXPECT_EQ(order, (std::vector<std::string>{"callback", "timeout"}));
  }
}

TEST_P(Timeouts, added_and_removed_without_end_take_no_more_memory) {
  const auto add_and_remove = [&](std::uint64_t rounds) {
    for (std::uint64_t i = 0; i < rounds; ++i) {
      ASSERT_TRUE(loop.remove_timeout(loop.call_later(1h, [] {})));
      ASSERT_TRUE(loop.remove_timeout(loop.call_later(0ns, [] {})));
    }
  };
  add_and_remove(10'000);
  const std::size_t before = memory_in_use();
  add_and_remove(scaled(500'000));
  EXPECT_LE(memory_in_use(), before + 100'000);
  turn();
}

TORNADO_ON_EVERY_POLLER(Timeouts);

}  // namespace
}  // namespace tornado::test
