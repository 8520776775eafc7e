// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "every_loop.h"
#include "support/scale.h"
#include "tornado/error.h"

namespace tornado::test {
namespace {

class Lanes : public EveryLoop {};

TEST_P(Lanes, keep_the_order_of_each) {
  constexpr std::size_t threads = 4;
  const auto share = static_cast<std::size_t>(scaled(50'000));
  std::array<std::size_t, threads> next{};
  std::size_t left = threads;
  bool in_order = true;
  std::vector<std::thread> posters;
  for (std::size_t id = 0; id < threads; ++id) {
    posters.emplace_back([&, id] {
      CallbackProducer lane = loop.handle().make_producer();
      for (std::size_t i = 0; i < share; ++i) {
        lane.add_callback([&, id, i] { in_order &= next[id]++ == i; });
      }
      lane.add_callback([&] {
        if (--left == 0) loop.stop();
      });
    });
  }
  start();
  for (std::thread& poster : posters) poster.join();
  EXPECT_TRUE(in_order);
  for (const std::size_t count : next) EXPECT_EQ(count, share);
}

// Each post finds the other loop asleep, going to sleep, or getting up.
TEST_P(Lanes, wake_a_sleeping_loop_each_time) {
  const auto trips = static_cast<std::size_t>(scaled(20'000));
  IOLoop other(LoopOptions{GetParam(), WakerKind::best, false});
  CallbackProducer there = other.handle().make_producer();
  CallbackProducer here = loop.handle().make_producer();
  std::size_t left = trips;
  std::thread thread([&] { other.start(); });
  const std::function<void()> serve = [&] {
    if (left-- == 0) return loop.stop();
    there.add_callback([&] { here.add_callback([&] { serve(); }); });
  };
  here.add_callback([&] { serve(); });
  start();
  other.stop();  // also when that failed
  thread.join();
}

TEST_P(Lanes, hold_callables_of_any_kind_and_size) {
  CallbackProducer lane = loop.handle().make_producer();
  std::size_t sum = 0;
  for (std::size_t i = 0; i < 1000; ++i) {
    lane.add_callback([&sum] { ++sum; });
    lane.add_callback([&sum, i, large = std::array<std::size_t, 20>()]() mutable {
      large[i % large.size()] = 1;
      for (const std::size_t one : large) sum += one;
    });
    lane.add_callback([&sum, one = std::make_unique<int>(1)] {
      sum += static_cast<std::size_t>(*one);
    });
  }
  lane.add_callback([this] { loop.stop(); });
  start();
  EXPECT_EQ(sum, 3000u);
}

TEST_P(Lanes, run_what_is_added_meanwhile_in_the_next_turn) {
  CallbackProducer lane = loop.handle().make_producer();
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  lane.add_callback([&] {
    first = loop.counters().turns;
    lane.add_callback([&] {
      second = loop.counters().turns;
      loop.stop();
    });
  });
  start();
  EXPECT_EQ(second, first + 1);
}

TEST_P(Lanes, still_run_what_was_added_before_they_were_destroyed) {
  int runs = 0;
  for (int i = 0; i < 100; ++i) {
    loop.handle().make_producer().add_callback([&] {
      if (++runs == 100) loop.stop();
    });
  }
  start();
  EXPECT_EQ(runs, 100);
}

TEST_P(Lanes, may_be_moved) {
  int runs = 0;
  CallbackProducer first = loop.handle().make_producer();
  first.add_callback([&] { EXPECT_EQ(++runs, 1); });
  CallbackProducer second = std::move(first);
  second.add_callback([&] { EXPECT_EQ(++runs, 2); });
  second.add_callback([&] { loop.stop(); });
  start();
  EXPECT_EQ(runs, 2);
}

TEST_P(Lanes, lose_nothing_to_an_exception) {
  loop.set_exception_policy(ExceptionPolicy::rethrow);
  CallbackProducer lane = loop.handle().make_producer();
  int runs = 0;
  for (int i = 0; i < 3; ++i) {
    lane.add_callback([&] {
      ++runs;
      throw std::runtime_error("thrown");
    });
  }
  lane.add_callback([&] { loop.stop(); });
  for (int i = 1; i <= 3; ++i) {
    EXPECT_THROW(loop.start(), std::runtime_error);
    EXPECT_EQ(runs, i);
  }
  start();
  EXPECT_EQ(runs, 3);
}

TEST_P(Lanes, refuse_after_the_loop_has_closed_and_destroy_what_waits) {
  const auto alive = std::make_shared<int>();
  CallbackProducer lane = loop.handle().make_producer();
  EXPECT_TRUE(lane.add_callback([alive] {}));
  EXPECT_TRUE(
      lane.add_callback([alive, large = std::array<int, 100>()] { (void)large; }));
  EXPECT_EQ(alive.use_count(), 3);
  loop.close();
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_FALSE(lane.add_callback([alive] {}));
  EXPECT_EQ(alive.use_count(), 1);
}

TEST_P(Lanes, may_close_the_loop_that_runs_them) {
  CallbackProducer lane = loop.handle().make_producer();
  lane.add_callback([&] { loop.close(); });
  lane.add_callback([] { FAIL() << "ran after close()"; });
  loop.start();
  EXPECT_FALSE(lane.add_callback([] {}));
}

TEST(CallbackProducer, of_no_loop_refuses) {
  CallbackProducer none;
  EXPECT_FALSE(none.add_callback([] {}));
  EXPECT_FALSE(LoopHandle().make_producer().add_callback([] {}));
}

TEST(CallbackProducer, without_a_callable_is_an_error) {
  IOLoop loop;
  CallbackProducer lane = loop.handle().make_producer();
  EXPECT_THROW(lane.add_callback(nullptr), std::system_error);
}

TEST_P(Lanes, run_what_they_were_given_before_another_was_moved_onto_them) {
  int ran = 0;
  const auto count = [&] {
    if (++ran == 2) loop.stop();
  };
  CallbackProducer lane = loop.handle().make_producer();
  lane.add_callback(count);
  lane = loop.handle().make_producer();
  lane.add_callback(count);
  start();
  EXPECT_EQ(ran, 2);
}

// More than they keep for the next time.
TEST_P(Lanes, give_the_memory_of_a_great_backlog_back) {
  constexpr int many = 100'000;
  CallbackProducer lane = loop.handle().make_producer();
  int ran = 0;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < many; ++i) lane.add_callback([&] { ++ran; });
    lane.add_callback([&] { loop.stop(); });
    start();
  }
  EXPECT_EQ(ran, 2 * many);
}

INSTANTIATE_TEST_SUITE_P(, Lanes, testing::ValuesIn(poller_kinds()), poller_name);

}  // namespace
}  // namespace tornado::test
