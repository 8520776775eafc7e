// SPDX-License-Identifier: Apache-2.0
// Tornado's gen_test.py: the cases that have a meaning here, by their names.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/log_capture.h"
#include "tornado/executor.h"
#include "tornado/gen.h"
#include "tornado/task_group.h"
#include "tornado/testing.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;

Task<int> at_once(int value) {
  co_return value;
}
Task<int> later(Delay delay, int value) {
  co_await sleep(delay);
  co_return value;
}
Task<> fails_at_once(std::string what) {
  throw std::runtime_error(what);
  co_return;
}
Task<> fails_later(Delay delay, std::string what) {
  co_await sleep(delay);
  throw std::runtime_error(what);
}

class Gen : public SimulatedLoop<testing::Test> {
 protected:
  template <class T>
  std::string error_of(Task<T> task) {
    try {
      (void)loop.run_sync(std::move(task));
    } catch (const std::exception& error) {
      return error.what();
    }
    return "none";
  }
};

class GenBasic : public Gen {};

TEST_F(GenBasic, test_no_yield) {
  EXPECT_EQ(loop.run_sync(at_once(42)), 42);
}

TEST_F(GenBasic, test_reuse) {
  EXPECT_EQ(loop.run_sync(later(1ms, 1)), 1);
  EXPECT_EQ(loop.run_sync(later(1ms, 2)), 2);
}

TEST_F(GenBasic, test_exception_phase1) {
  EXPECT_EQ(error_of(fails_at_once("phase 1")), "phase 1");
}

TEST_F(GenBasic, test_exception_phase2) {
  EXPECT_EQ(error_of(fails_later(1ms, "phase 2")), "phase 2");
}

TEST_F(GenBasic, test_multi) {
  const auto [a, b] = loop.run_sync(multi(later(2ms, 1), later(1ms, 2)));
  EXPECT_EQ(a, 1);
  EXPECT_EQ(b, 2);
}

TEST_F(GenBasic, test_multi_delayed) {
  std::vector<Task<int>> tasks;
  for (int i = 0; i < 10; ++i) tasks.push_back(later((10 - i) * 1ms, i));
  EXPECT_EQ(loop.run_sync(multi(std::move(tasks))),
            (std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(GenBasic, test_multi_performance) {
  std::vector<Task<int>> tasks;
  for (int i = 0; i < 2000; ++i) tasks.push_back(at_once(i));
  const std::uint64_t before = loop.counters().turns;
  EXPECT_EQ(loop.run_sync(multi(std::move(tasks))).back(), 1999);
  EXPECT_LT(loop.counters().turns - before, 20u);
}

TEST_F(GenBasic, test_multi_empty) {
  EXPECT_TRUE(loop.run_sync(multi(std::vector<Task<int>>())).empty());
  EXPECT_EQ(loop.run_sync(multi()), std::tuple<>());
}

TEST_F(GenBasic, test_multi_exceptions) {
  const LogCapture log;
  std::vector<Task<>> tasks;
  tasks.push_back(fails_later(1ms, "first"));
  tasks.push_back(fails_later(1ms, "second"));
  EXPECT_EQ(error_of(multi(std::move(tasks))), "first");
  EXPECT_TRUE(log.contains("second", LogLevel::error));
  EXPECT_EQ(log.count(LogLevel::error), 1u);
}

TEST_F(GenBasic, test_multi_one_exception_logs_nothing) {
  const LogCapture log;
  EXPECT_EQ(error_of(multi(fails_later(1ms, "only"), later(2ms, 1))), "only");
  EXPECT_EQ(log.count(LogLevel::info), 0u);
}

class GenCoroutine : public Gen {};

TEST_F(GenCoroutine, test_sync_return_no_value) {
  const auto nothing = []() -> Task<> { co_return; };
  loop.run_sync(nothing());
}

TEST_F(GenCoroutine, test_async_return_no_value) {
  const auto nothing = []() -> Task<> { co_await moment(); };
  loop.run_sync(nothing());
}

TEST_F(GenCoroutine, test_async_early_return) {
  const auto early = [](bool now) -> Task<int> {
    if (now) co_return 42;
    co_await sleep(1h);
    co_return 0;
  };
  EXPECT_EQ(loop.run_sync(early(true)), 42);
}

TEST_F(GenCoroutine, test_async_await) {
  const auto outer = []() -> Task<int> {
    const int a = co_await later(1ms, 40);
    co_return a + co_await at_once(2);
  };
  EXPECT_EQ(loop.run_sync(outer()), 42);
}

TEST_F(GenCoroutine, test_sync_raise) {
  bool called = false;
  const auto outer = [](bool& reached) -> Task<> {
    Task<> task = fails_at_once("raised");
    reached = true;
    co_await std::move(task);
  };
  EXPECT_EQ(error_of(outer(called)), "raised");
  EXPECT_TRUE(called);
}

TEST_F(GenCoroutine, test_replace_yieldpoint_exception) {
  const auto replace = []() -> Task<> {
    try {
      co_await fails_later(1ms, "one");
    } catch (const std::runtime_error&) {
      throw std::logic_error("another");
    }
  };
  EXPECT_EQ(error_of(replace()), "another");
}

TEST_F(GenCoroutine, test_swallow_yieldpoint_exception) {
  const auto swallow = []() -> Task<int> {
    try {
      co_await fails_later(1ms, "one");
    } catch (const std::runtime_error&) {
      co_return 42;
    }
    co_return 0;
  };
  EXPECT_EQ(loop.run_sync(swallow()), 42);
}

Task<> five_steps(std::string& calls, char name, bool lets_others_go) {
  for (int i = 0; i < 5; ++i) {
    calls += name;
    if (lets_others_go) {
      co_await moment();
    } else {
      (void)co_await at_once(0);
    }
  }
}

TEST_F(GenCoroutine, test_moment) {
  std::string calls;
  loop.run_sync(multi(five_steps(calls, 'a', false), five_steps(calls, 'b', false)));
  EXPECT_EQ(calls, "aaaaabbbbb");
  calls.clear();
  loop.run_sync(multi(five_steps(calls, 'a', true), five_steps(calls, 'b', true)));
  EXPECT_EQ(calls, "ababababab");
  calls.clear();
  loop.run_sync(multi(five_steps(calls, 'a', true), five_steps(calls, 'b', false)));
  EXPECT_EQ(calls, "abbbbbaaaa");
}

TEST_F(GenCoroutine, test_sleep) {
  const TimePoint before = loop.time();
  EXPECT_EQ(loop.run_sync(later(10ms, 42)), 42);
  EXPECT_EQ(loop.time() - before, 10ms);
  EXPECT_EQ(loop.run_sync(later(0ms, 42)), 42);
}

TEST_F(GenCoroutine, test_coroutine_refcounting) {
  struct Local {};
  std::weak_ptr<Local> local;
  const auto inner = [](std::weak_ptr<Local>& seen) -> Task<> {
    const auto held = std::make_shared<Local>();
    seen = held;
    throw std::runtime_error("thrown");
    co_return;
  };
  const auto outer = [](Task<> task) -> Task<> {
    try {
      co_await std::move(task);
    } catch (const std::runtime_error&) {
    }
    co_await moment();
  };
  loop.run_sync(outer(inner(local)));
  EXPECT_TRUE(local.expired());
}

class WithTimeout : public Gen {};

TEST_F(WithTimeout, test_timeout) {
  const TimePoint before = loop.time();
  const auto endless = []() -> Task<> { co_await sleep(1h); };
  EXPECT_THROW(loop.run_sync(with_timeout(100ms, endless())), std::system_error);
  EXPECT_EQ(loop.time() - before, 100ms);
}

TEST_F(WithTimeout, test_completes_before_timeout) {
  EXPECT_EQ(loop.run_sync(with_timeout(1h, later(10ms, 42))), 42);
}

TEST_F(WithTimeout, test_fails_before_timeout) {
  EXPECT_EQ(error_of(with_timeout(1h, fails_later(10ms, "failed"))), "failed");
}

TEST_F(WithTimeout, test_already_resolved) {
  EXPECT_EQ(loop.run_sync(with_timeout(0ms, at_once(42))), 42);
  EXPECT_EQ(loop.run_sync(with_timeout(-1h, at_once(42))), 42);
}

TEST_F(GenCoroutine, test_gc_infinite_async_await) {
  const auto endless = [](std::shared_ptr<int>) -> Task<> {
    for (;;) co_await sleep(1s);
  };
  const auto cleaned_up = std::make_shared<int>();
  loop.spawn_callback(endless(cleaned_up));
  loop.call_later(10s, [&] { loop.stop(); });
  loop.start();
  EXPECT_EQ(cleaned_up.use_count(), 2);
  loop.close();
  EXPECT_EQ(cleaned_up.use_count(), 1);
}

TEST_F(GenCoroutine, test_gc) {
  int result = 0;
  const auto task = [](int& to) -> Task<> {
    co_await sleep(1s);
    to = 42;
  };
  loop.spawn_callback(task(result));
  loop.call_later(2s, [&] { loop.stop(); });
  loop.start();
  EXPECT_EQ(result, 42);
}

}  // namespace
}  // namespace tornado::test
