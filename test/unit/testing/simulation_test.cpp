// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <functional>
#include <numeric>
#include <optional>
#include <thread>

#include "support/sanitizers.h"
#include "support/scale.h"
#include "support/sleeps.h"
#include "support/wait.h"
#include "tornado/fd.h"
#include "tornado/periodic_callback.h"
#include "tornado/poller_kind.h"
#include "tornado/testing.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr SimulationOptions impatient{0, 0ns};

class SimulatedTime : public SimulatedLoop<testing::Test> {
 protected:
  SimulatedTime() : SimulatedLoop(impatient) {}
};

std::string deadlock_of(IOLoop& loop) {
  try {
    loop.start();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::resource_deadlock_would_occur);
    return error.what();
  }
  return "stopped";
}

/// Adds timeouts at these distances from now, and tells in which order they have run.
std::vector<std::size_t> order_of(IOLoop& loop, const std::vector<nanoseconds>& at) {
  std::vector<std::size_t> order;
  const TimePoint begin = loop.time();
  for (std::size_t i = 0; i < at.size(); ++i) {
    loop.call_at(begin + at[i], [&, i] {
      order.push_back(i);
      if (order.size() == at.size()) loop.stop();
    });
  }
  loop.start();
  return order;
}

std::vector<nanoseconds> some_delays(std::uint64_t seed, nanoseconds most) {
  Random random(seed);
  std::vector<nanoseconds> delays(1000);
  for (nanoseconds& delay : delays) {
    // Coarse, so that some are equal.
    delay = most / 256 * random.below(std::int64_t{256});
  }
  return delays;
}

TEST_F(SimulatedTime, stands_still_until_the_loop_would_sleep) {
  const TimePoint begin = loop.time();
  loop.call_later(5h, [&] {
    EXPECT_EQ(loop.time(), begin + 5h);
    loop.add_callback([&] {
      EXPECT_EQ(loop.time(), begin + 5h);
      loop.stop();
    });
  });
  loop.add_callback([&] { EXPECT_EQ(loop.time(), begin); });
  run();
  EXPECT_EQ(simulation.now(), begin + 5h);
  EXPECT_EQ(loop.counters().asleep, 5h);
}

TEST_F(SimulatedTime, runs_timeouts_in_the_order_that_real_time_has) {
  const std::uint64_t seed = test_seed();
  IOLoop real(LoopOptions{.make_current = false});
  const auto real_order = order_of(real, some_delays(seed, 50ms));
  EXPECT_EQ(order_of(loop, some_delays(seed, 24h)), real_order);
}

nanoseconds thread_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

TEST_F(SimulatedTime, of_a_day_takes_less_than_100_ms) {
  if (under_valgrind()) GTEST_SKIP() << "valgrind takes more time than that";
  nanoseconds best = nanoseconds::max();
  for (int attempt = 0; attempt < 20 && best >= 100ms; ++attempt) {
    const TimePoint begin = loop.time();
    int minutes = 0;
    int ticks = 0;
    const nanoseconds before = thread_time();
    PeriodicCallback periodic(
        loop, [&] { ++minutes; }, 1min);
    PeriodicCallback fast(
        loop, [&] { ++ticks; }, 10s);
    periodic.start();
    fast.start();
    loop.call_at(begin + 24h + 1s, [&] { loop.stop(); });
    run();
    best = std::min(best, thread_time() - before);
    EXPECT_EQ(minutes, 24 * 60);
    EXPECT_EQ(ticks, 24 * 360);
    if (under_address_sanitizer() || under_thread_sanitizer()) return;
  }
  EXPECT_LT(best, 100ms);
  RecordProperty("microseconds", std::to_string(best / 1us));
}

TEST_F(SimulatedTime, is_that_of_run_sync_and_its_limit) {
  const TimePoint begin = loop.time();
  std::optional<Completion<int>> kept;
  try {
    loop.run_sync<int>([&](const Completion<int>& never) { kept = never; }, 1000h);
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), Errc::timed_out);
  }
  EXPECT_EQ(loop.time(), begin + 1000h);
}

TEST_F(SimulatedTime, never_goes_back_and_takes_timeouts_of_the_past) {
  int ran = 0;
  loop.call_at((TimePoint::min)(), [&] { ++ran; });
  loop.call_later(-1h, [&] { ++ran; });
  const TimePoint begin = loop.time();
  loop.call_later(nanoseconds::max(), [&] { ++ran; });
  EXPECT_NE(deadlock_of(loop), "stopped");
  EXPECT_EQ(ran, 2);
  EXPECT_EQ(loop.time(), begin);
}

TEST_F(SimulatedTime, ends_as_a_deadlock_when_nothing_can_happen_any_more) {
  bool ran = false;
  loop.call_later(3h, [&] { ran = true; });
  EXPECT_NE(deadlock_of(loop).find("no callback, no timeout, and no descriptor"),
            std::string::npos);
  EXPECT_TRUE(ran);
}

TEST_F(SimulatedTime, names_the_descriptors_that_a_deadlock_waits_for) {
  const FdPair pipe = make_pipe();
  loop.add_handler(
      pipe.first.get(), [](NativeFd, Events) {}, Events::read);
  const std::string number = " fd " + std::to_string(pipe.first.get());
  EXPECT_NE(deadlock_of(loop).find("nothing to come from" + number), std::string::npos);
  loop.remove_handler(pipe.first.get());
  EXPECT_NE(deadlock_of(loop).find("no descriptor"), std::string::npos);
}

TEST(Simulation, does_not_wait_for_a_descriptor_that_its_poller_has_refused) {
  Simulation simulation(impatient);
  IOLoop loop(simulation.options({.poller = PollerKind::poll, .make_current = false}));
  const FdPair pipe = make_pipe();
  EXPECT_THROW(
      loop.add_handler(
          pipe.first.get(), [](NativeFd, Events) {}, Events::read | Events::edge),
      std::system_error);
  EXPECT_NE(deadlock_of(loop).find("no descriptor"), std::string::npos);
}

TEST_F(SimulatedTime, tells_of_the_events_that_a_handler_was_updated_to) {
  const FdPair pair = make_socket_pair();
  Events found = Events::none;
  loop.add_handler(
      pair.first.get(),
      [&](NativeFd, Events events) {
        found = events;
        loop.stop();
      },
      Events::read);
  loop.call_later(1h, [&] { loop.update_handler(pair.first.get(), Events::write); });
  EXPECT_EQ(deadlock_of(loop), "stopped");
  EXPECT_EQ(found, Events::write);
}

TEST(Simulation, looks_for_real_events_before_it_calls_it_a_deadlock) {
  Simulation simulation{{.patience = 1ms}};
  IOLoop loop(simulation.options({.make_current = false}));
  EXPECT_NE(deadlock_of(loop), "stopped");
}

TEST_F(SimulatedTime, goes_on_after_a_deadlock) {
  EXPECT_NE(deadlock_of(loop), "stopped");
  const TimePoint begin = loop.time();
  std::thread other(
      [&] { loop.add_callback([&] { loop.call_later(1h, [&] { loop.stop(); }); }); });
  other.join();
  EXPECT_EQ(deadlock_of(loop), "stopped");
  EXPECT_EQ(loop.time(), begin + 1h);
}

TEST_F(SimulatedTime, has_real_descriptors_beside_it) {
  const FdPair pipe = make_pipe();
  std::string heard;
  loop.add_handler(
      pipe.first.get(),
      [&](NativeFd fd, Events) {
        char byte = 0;
        ASSERT_EQ(::read(fd, &byte, 1), 1);
        heard += byte;
      },
      Events::read);
  for (const char byte : {'a', 'b', 'c'}) {
    loop.call_later((byte - 'a') * 1h, [&heard, &pipe, byte] {
      heard += '<';
      ASSERT_EQ(::write(pipe.second.get(), &byte, 1), 1);
    });
  }
  loop.call_later(2h, [&] { heard += '.'; });
  loop.call_later(2h + 1ns, [&] { loop.stop(); });
  run();
  EXPECT_EQ(heard, "<a<b<.c");
}

TEST(SimulatedThreads, run_beside_real_threads_that_post) {
  Simulation simulation{{.patience = 60s}};
  IOLoop loop(simulation.options());
  int left = 4 * 1000;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, handle = loop.handle(), loops = ::gettid()] {
      EXPECT_TRUE(wait_until([loops] { return sleeps(loops); }));
      for (int post = 0; post < 1000; ++post) {
        handle.add_callback([&] {
          if (--left == 0) loop.stop();
        });
      }
    });
  }
  loop.start();
  EXPECT_EQ(left, 0);
  for (std::thread& thread : threads) thread.join();
}

TEST_F(SimulatedTime, stands_still_while_it_is_held_for_what_happens_outside) {
  const TimePoint begin = loop.time();
  auto hold = simulation.hold_time();
  loop.call_later(1h, [&] { loop.stop(); });
  std::thread outside([&, handle = loop.handle(), loops = ::gettid()] {
    EXPECT_TRUE(wait_until([loops] { return sleeps(loops); }));
    handle.add_callback([&] {
      EXPECT_EQ(loop.time(), begin);
      hold.reset();
    });
  });
  run();
  outside.join();
  EXPECT_EQ(loop.time(), begin + 1h);
}

TEST_F(SimulatedTime, is_limited_for_a_test_that_does_not_stop_its_loop) {
  PeriodicCallback periodic(
      loop, [] {}, 1h);
  periodic.start();
  try {
    run(24h);
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), Errc::timed_out);
  }
}

TEST_F(SimulatedTime, is_limited_by_the_limit_of_the_last_run_alone) {
  simulation.add_thread([](SimulatedThread&) { throw std::runtime_error("mine"); });
  EXPECT_THROW(run(1h), std::runtime_error);
  const TimePoint begin = loop.time();
  try {
    run(10h);
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), Errc::timed_out);
  }
  EXPECT_EQ(loop.time(), begin + 10h);
}

TEST_F(SimulatedTime, is_that_of_a_test_whose_loop_closes_itself) {
  loop.call_later(1h, [&] { loop.close(); });
  EXPECT_NO_THROW(run(24h));
  EXPECT_TRUE(loop.handle().closed());
}

TEST_F(SimulatedTime, has_one_tick_each_of_a_periodic_callback_that_is_started_twice) {
  int ticks = 0;
  PeriodicCallback periodic(
      loop, [&] { ++ticks; }, 1min);
  periodic.start();
  loop.call_later(90s, [&] { periodic.start(); });
  loop.call_later(10min + 1s, [&] { loop.stop(); });
  run();
  EXPECT_EQ(ticks, 10);
  periodic.stop();
  EXPECT_FALSE(periodic.is_running());
}

// No time passes, so that only their number ends a turn: with the one that was there
// before it began there are 65.
TEST(Simulation, has_64_added_callbacks_in_a_bounded_turn) {
  Simulation simulation(impatient);
  IOLoop loop(
      simulation.options({.make_current = false, .turns = TurnPolicy::bounded}));
  std::vector<std::uint64_t> turns;
  std::function<void()> again = [&] {
    turns.push_back(loop.counters().turns);
    if (turns.size() == 3 * 65) return loop.stop();
    loop.add_callback([&] { again(); });
  };
  loop.add_callback([&] { again(); });
  loop.start();
  for (const std::uint64_t turn : turns) {
    EXPECT_EQ(std::ranges::count(turns, turn), 65);
  }
}

TEST(Simulation, works_on_every_poller) {
  for (const PollerKind kind : poller_kinds()) {
    Simulation simulation(impatient);
    IOLoop loop(simulation.options({.poller = kind, .make_current = false}));
    const TimePoint begin = loop.time();
    loop.call_later(24h, [&] { loop.stop(); });
    loop.start();
    EXPECT_EQ(loop.time(), begin + 24h) << to_string(kind);
  }
}

}  // namespace
}  // namespace tornado::test
