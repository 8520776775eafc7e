// SPDX-License-Identifier: Apache-2.0
// The other classes of Tornado's ioloop_test.py: current loops, run_sync, periodic
// callbacks; and the cases of its newer versions that have a meaning here.
#include <cmath>
#include <stdexcept>
#include <thread>

#include "every_loop.h"
#include "loop/periodic_schedule.h"
#include "support/log_capture.h"
#include "support/wait.h"
#include "tornado/gen.h"
#include "tornado/periodic_callback.h"

namespace tornado::test {
namespace {

class TestIOLoopCurrent : public testing::Test {
 protected:
  void SetUp() override { IOLoop::clear_current(); }
  void TearDown() override { IOLoop::clear_current(); }
};

TEST_F(TestIOLoopCurrent, test_default_current) {
  IOLoop first;
  EXPECT_EQ(IOLoop::current(), &first);
  IOLoop second;
  EXPECT_EQ(IOLoop::current(), &first);
}

TEST_F(TestIOLoopCurrent, test_non_current) {
  IOLoop loop(IOLoop::Options{{}, {}, false});
  EXPECT_EQ(IOLoop::current(false), nullptr);
  for (int i = 0; i < 3; ++i) {
    IOLoop* seen = nullptr;
    loop.add_callback([&] {
      seen = IOLoop::current(false);
      loop.stop();
    });
    loop.start();
    EXPECT_EQ(seen, &loop);
    EXPECT_EQ(IOLoop::current(false), nullptr);
  }
}

TEST_F(TestIOLoopCurrent, test_force_current) {
  IOLoop loop(IOLoop::Options{{}, {}, true});
  EXPECT_EQ(IOLoop::current(), &loop);
  EXPECT_EQ(error_of([] {
              IOLoop second(IOLoop::Options{{}, {}, true});
            }),
            Errc::loop_running);
  EXPECT_EQ(IOLoop::current(), &loop);
}

TEST_F(TestIOLoopCurrent, test_clear_without_current) {
  IOLoop::clear_current();
  EXPECT_EQ(IOLoop::current(false), nullptr);
}

TEST_F(TestIOLoopCurrent,
       instance_is_one_for_the_process_and_current_falls_back_to_it) {
  IOLoop* elsewhere = nullptr;
  Thread([&] { elsewhere = IOLoop::current(); }).join();
  EXPECT_EQ(elsewhere, &IOLoop::instance());
  IOLoop::clear_current();
  EXPECT_EQ(IOLoop::current(), &IOLoop::instance());
  IOLoop::instance().close();  // or its descriptors would be open at the end
}

TEST_F(TestIOLoopCurrent, periodic_callbacks_belong_to_it) {
  IOLoop loop;
  int ticks = 0;
  PeriodicCallback periodic(
      [&] {
        if (++ticks == 2) loop.stop();
      },
      std::chrono::milliseconds(1));
  periodic.start();
  loop.start();
  EXPECT_EQ(ticks, 2);
}

struct MadeOfNothing {
  explicit MadeOfNothing(int) { throw std::domain_error("not of a number"); }
};

TEST_F(TestIOLoopCurrent, run_sync_throws_what_its_result_throws_when_it_is_made) {
  IOLoop loop;
  EXPECT_THROW((void)loop.run_sync<MadeOfNothing>(
                   [](const Completion<MadeOfNothing>& completion) {
                     EXPECT_TRUE(completion.set_value(7));
                   }),
               std::domain_error);
}

TEST_F(TestIOLoopCurrent, a_loop_that_ends_is_no_longer_current) {
  { IOLoop loop; }
  EXPECT_EQ(IOLoop::current(false), nullptr);
  IOLoop loop;
  loop.close();
  EXPECT_EQ(IOLoop::current(false), nullptr);
}

TEST(TestIOLoopRace, test_init_close_race) {
  const auto make_and_close = [] {
    for (int i = 0; i < 10; ++i) {
      IOLoop loop;
      loop.close();
    }
  };
  Thread one(make_and_close);
  Thread two(make_and_close);
}

class TestIOLoopRunSync : public EveryLoop {};

TEST_P(TestIOLoopRunSync, test_sync_result) {
  EXPECT_EQ(loop.run_sync([] { return 42; }), 42);
  EXPECT_NO_THROW(loop.run_sync([] {}));
}

TEST_P(TestIOLoopRunSync, test_sync_exception) {
  EXPECT_THROW(loop.run_sync([] { throw std::domain_error("sync"); }),
               std::domain_error);
}

TEST_P(TestIOLoopRunSync, test_async_result) {
  const int result = loop.run_sync<int>([this](const Completion<int>& completion) {
    loop.add_callback([completion] { completion.set_value(42); });
  });
  EXPECT_EQ(result, 42);
}

TEST_P(TestIOLoopRunSync, test_async_exception) {
  EXPECT_THROW(loop.run_sync<void>([this](const Completion<void>& completion) {
    loop.add_callback([completion] {
      completion.set_exception(std::make_exception_ptr(std::domain_error("async")));
    });
  }),
               std::domain_error);
}

TEST_P(TestIOLoopRunSync, test_native_coroutine) {
  const auto waits = []() -> Task<int> {
    co_await moment();
    co_return 42;
  };
  EXPECT_EQ(loop.run_sync(waits()), 42);
}

TEST_P(TestIOLoopRunSync, test_current) {
  IOLoop* const before = IOLoop::current(false);
  EXPECT_EQ(loop.run_sync([] { return IOLoop::current(false); }), &loop);
  EXPECT_EQ(IOLoop::current(false), before);
}

TEST_P(TestIOLoopRunSync, test_timeout) {
  std::optional<Completion<int>> kept;
  const auto error = error_of([&] {
    loop.run_sync<int>([&](const Completion<int>& completion) { kept = completion; },
                       10ms);
  });
  EXPECT_EQ(error, Errc::timed_out);
  EXPECT_EQ(error, std::errc::timed_out);
  EXPECT_FALSE(kept->set_value(1)) << "too late";
  EXPECT_EQ(loop.run_sync([] { return 2; }), 2);
}

TEST_P(TestIOLoopRunSync, test_stop_no_timeout) {
  EXPECT_EQ(error_of([&] {
              loop.run_sync<void>([this](const Completion<void>& completion) {
                loop.add_callback([this] { loop.stop(); });
                loop.call_later(1h, [completion] { completion.set_value(); });
              });
            }),
            Errc::loop_stopped);
}

TEST_P(TestIOLoopRunSync, a_completion_that_is_dropped_ends_it) {
  EXPECT_EQ(error_of([&] { loop.run_sync<int>([](const Completion<int>&) {}); }),
            Errc::abandoned);
}

TEST_P(TestIOLoopRunSync, the_result_may_come_from_another_thread) {
  std::optional<Thread> worker;
  EXPECT_EQ(loop.run_sync<std::string>([&](const Completion<std::string>& completion) {
    worker.emplace([completion] { completion.set_value("from afar"); });
  }),
            "from afar");
}

TEST_P(TestIOLoopRunSync, the_first_result_wins) {
  EXPECT_EQ(loop.run_sync<int>([](const Completion<int>& completion) {
    EXPECT_TRUE(completion.set_value(1));
    EXPECT_FALSE(completion.set_value(2));
    EXPECT_FALSE(completion.set_exception(std::make_exception_ptr(3)));
  }),
            1);
}

TEST_P(TestIOLoopRunSync, a_function_that_had_not_begun_at_its_end_never_runs) {
  bool ran = false;
  loop.stop();
  EXPECT_EQ(error_of([&] { loop.run_sync([&] { ran = true; }); }), Errc::loop_stopped);
  turn();
  EXPECT_FALSE(ran);
}

TEST_P(TestIOLoopRunSync, refuses_a_loop_that_runs_already) {
  std::error_code error;
  loop.add_callback([&] {
    error = error_of([&] { loop.run_sync([] {}); });
    loop.stop();
  });
  start();
  EXPECT_EQ(error, Errc::loop_running);
}

TORNADO_ON_EVERY_POLLER(TestIOLoopRunSync);

class TestIOLoopFutures : public EveryLoop {};

TEST_P(TestIOLoopFutures, test_add_future_threads) {
  // What add_future does in Tornado: a worker's result comes back on the loop.
  std::thread::id ran_on;
  int result = 0;
  Thread worker([handle = loop.handle(), &ran_on, &result] {
    handle.add_callback([handle, &ran_on, &result] {
      ran_on = std::this_thread::get_id();
      result = 42;
      handle.stop();
    });
  });
  start();
  EXPECT_EQ(ran_on, std::this_thread::get_id());
  EXPECT_EQ(result, 42);
}

TORNADO_ON_EVERY_POLLER(TestIOLoopFutures);

/// Times in seconds, as in Tornado's table.
class TestPeriodicCallback : public testing::Test {
 protected:
  static std::vector<double> simulate(const std::vector<double>& durations,
                                      double step = 10) {
    std::vector<double> calls;
    TimePoint now = at(1000);
    TimePoint next = next_tick(now, now, span(step));
    for (const double duration : durations) {
      calls.push_back(std::chrono::duration<double>(next.time_since_epoch()).count());
      now = next + span(duration);
      next = next_tick(next, now, span(step));
    }
    return calls;
  }
  static std::chrono::nanoseconds span(double seconds) {
    return Delay(std::chrono::duration<double>(seconds)).get();
  }
  static TimePoint at(double seconds) { return TimePoint(span(seconds)); }
};

TEST_F(TestPeriodicCallback, test_basic) {
  EXPECT_EQ(simulate({0, 0, 0, 0, 0}),
            (std::vector<double>{1010, 1020, 1030, 1040, 1050}));
}

TEST_F(TestPeriodicCallback, test_overrun) {
  EXPECT_EQ(simulate({9, 9, 10, 11, 20, 20, 35, 35, 0, 0, 0}),
            (std::vector<double>{1010, 1020, 1030, 1050, 1070, 1100, 1130, 1170, 1210,
                                 1220, 1230}));
}

TEST_F(TestPeriodicCallback, test_clock_backwards) {
  EXPECT_EQ(simulate({-2, -1, -3, -2, 0}),
            (std::vector<double>{1010, 1020, 1030, 1040, 1050}));
  EXPECT_EQ(simulate({-100, 0, 0}), (std::vector<double>{1010, 1020, 1030}));
}

TEST_F(TestPeriodicCallback, test_jitter) {
  // Random values 0.5, 1, 0, 0.75 with jitter 0.5: steps of 10, 12.5, 7.5, 11.25.
  TimePoint now = at(1000);
  std::vector<double> calls;
  for (const double step : {10.0, 12.5, 7.5, 11.25}) {
    now = next_tick(now, now, span(step));
    calls.push_back(std::chrono::duration<double>(now.time_since_epoch()).count());
  }
  EXPECT_EQ(calls, (std::vector<double>{1010, 1022.5, 1030, 1041.25}));
}

class TestPeriodicCallbackAsync : public EveryLoop {};

TEST_P(TestPeriodicCallbackAsync, test_periodic_plain) {
  int calls = 0;
  PeriodicCallback ticks(
      loop,
      [&] {
        if (++calls == 3) loop.stop();
      },
      1ms);
  ticks.start();
  start();
  EXPECT_EQ(calls, 3);
}

TEST_P(TestPeriodicCallbackAsync, a_stop_from_within_ends_it) {
  int calls = 0;
  PeriodicCallback ticks(
      loop,
      [&] {
        if (++calls == 3) ticks.stop();
      },
      1ms);
  ticks.start();
  // Three calls, and then twenty periods without one.
  PeriodicCallback other(
      loop,
      [&, left = 20]() mutable {
        if (calls == 3 && --left == 0) loop.stop();
      },
      1ms);
  other.start();
  start();
  EXPECT_EQ(calls, 3);
  EXPECT_FALSE(ticks.is_running());
}

TEST_P(TestPeriodicCallbackAsync, test_timedelta) {
  int calls = 0;
  PeriodicCallback ticks(
      loop,
      [&] {
        ++calls;
        loop.stop();
      },
      std::chrono::duration<double, std::milli>(1.5));
  ticks.start();
  start();
  EXPECT_EQ(calls, 1);
}

TEST_P(TestPeriodicCallbackAsync,
       may_be_stopped_restarted_and_destroyed_by_its_callback) {
  int calls = 0;
  std::unique_ptr<PeriodicCallback> ticks;
  ticks = std::make_unique<PeriodicCallback>(
      loop,
      [&] {
        ++calls;
        if (calls == 1) {
          ticks->stop();
          ticks->start();
        } else {
          ticks.reset();
          loop.call_later(5ms, [this] { loop.stop(); });
        }
      },
      1ms);
  ticks->start();
  EXPECT_TRUE(ticks->is_running());
  start();
  EXPECT_EQ(calls, 2);
}

TEST_P(TestPeriodicCallbackAsync, goes_on_when_the_callback_throws) {
  const LogCapture log;
  int calls = 0;
  PeriodicCallback ticks(
      loop,
      [&] {
        if (++calls == 3) loop.stop();
        throw std::runtime_error("tick");
      },
      1ms, 0.5);
  ticks.start();
  start();
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(log.count(LogLevel::error), 3u);
}

TEST_P(TestPeriodicCallbackAsync, refuses_what_makes_no_sense) {
  const auto refused = [&](Callback callback, Delay period, double jitter) {
    return error_of(
        [&] { PeriodicCallback ticks(loop, std::move(callback), period, jitter); });
  };
  const std::error_condition invalid = std::errc::invalid_argument;
  EXPECT_EQ(refused(Callback(), 1ms, 0), invalid);
  EXPECT_EQ(refused([] {}, 0ms, 0), invalid);
  EXPECT_EQ(refused([] {}, -1ms, 0), invalid);
  EXPECT_EQ(refused([] {}, 1ms, -0.1), invalid);
  EXPECT_EQ(refused([] {}, 1ms, 1.1), invalid);
  EXPECT_EQ(refused([] {}, 1ms, std::nan("")), invalid);
}

TORNADO_ON_EVERY_POLLER(TestPeriodicCallbackAsync);

}  // namespace
}  // namespace tornado::test
