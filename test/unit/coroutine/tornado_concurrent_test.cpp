// SPDX-License-Identifier: Apache-2.0
// Tornado's concurrent_test.py, and those of gen_test.py that need more than one task,
// by their names.
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "stage.h"
#include "support/log_capture.h"
#include "tornado/executor.h"
#include "tornado/wait_iterator.h"

namespace tornado::test {
namespace {

Task<int> after(Delay delay, int value) {
  co_await sleep(delay);
  if (value == 0) throw std::runtime_error("zero");
  co_return value;
}
Task<int> ready(int value) {
  co_return value;
}

// gen: results and exceptions before and after a suspension.

class GenReturnTest : public Stage {};

TEST_F(GenReturnTest, test_sync_return) {
  EXPECT_EQ(loop.run_sync(ready(42)), 42);
}

TEST_F(GenReturnTest, test_async_return) {
  EXPECT_EQ(loop.run_sync(after(1ms, 42)), 42);
}

TEST_F(GenReturnTest, test_async_raise) {
  const auto awaits = [](Task<int> task) -> Task<std::string> {
    try {
      (void)co_await std::move(task);
    } catch (const std::runtime_error& error) {
      co_return error.what();
    }
    co_return "nothing";
  };
  EXPECT_EQ(loop.run_sync(awaits(after(1ms, 0))), "zero");
}

TEST_F(GenReturnTest, test_future) {
  const auto by_callback = [](IOLoop& on) -> Task<int> {
    const auto begin = [&on](const Completion<int>& done) {
      on.add_callback([done] { done.set_value(1); });
    };
    co_return co_await until<int>(begin);
  };
  EXPECT_EQ(loop.run_sync(by_callback(loop)), 1);
}

TEST_F(GenReturnTest, test_multi_moment) {
  const auto moments = []() -> Task<> { co_await moment(); };
  (void)loop.run_sync(multi(moments(), moments()));
}

TEST_F(GenReturnTest, test_async_await_mixed_multi_native_future) {
  const auto once_round = []() -> Task<> { co_await moment(); };
  const auto [a, b, c] = loop.run_sync(multi(ready(1), after(1ms, 2), once_round()));
  EXPECT_EQ(a + b, 3);
  EXPECT_EQ(c, std::monostate());
}

TEST_F(GenReturnTest, test_gc_infinite_coro) {
  const auto endless = [](std::shared_ptr<int>) -> Task<> {
    for (;;) co_await moment();
  };
  const auto cleaned_up = std::make_shared<int>();
  loop.spawn_callback(endless(cleaned_up));
  loop.call_later(0s, [&] { loop.stop(); });
  loop.start();
  EXPECT_EQ(cleaned_up.use_count(), 2);
  loop.close();
  EXPECT_EQ(cleaned_up.use_count(), 1);
}

// gen: deadlines around the work of threads.

class WithTimeoutTest : public Stage {
 protected:
  std::shared_ptr<void> hold = simulation.hold_time();
};

Task<int> on_thread(int value) {
  const auto give = [](int given) { return given; };
  co_return co_await run_in_executor(give, value);
}

TEST_F(WithTimeoutTest, test_timeout_concurrent_future) {
  const auto work = []() -> Task<> {
    const auto until_asked = [](const std::stop_token& token) {
      while (!token.stop_requested()) std::this_thread::yield();
      throw Cancelled();  // as an await of a cancelled task does
    };
    co_await run_in_executor(until_asked);
  };
  EXPECT_EQ(error_of([&] { loop.run_sync(with_timeout(0s, work())); }),
            Errc::timed_out);
}

TEST_F(WithTimeoutTest, test_completed_concurrent_future) {
  EXPECT_EQ(loop.run_sync(with_timeout(1h, on_thread(42))), 42);
}

TEST_F(WithTimeoutTest, test_normal_concurrent_future) {
  const auto both = []() -> Task<int> {
    const int first = co_await with_timeout(1h, on_thread(40));
    const int second = co_await on_thread(2);
    co_return first + second;
  };
  EXPECT_EQ(loop.run_sync(both()), 42);
}

TEST_F(WithTimeoutTest, test_async_with_timeout) {
  hold.reset();
  EXPECT_EQ(loop.run_sync(with_timeout(1h, after(1ms, 42))), 42);
}

// gen: results as they come.

class WaitIteratorTest : public Stage {};

Task<std::string> collect(std::vector<Task<int>> tasks) {
  WaitIterator<int> results(std::move(tasks));
  std::string seen;
  while (!results.done()) {
    try {
      const int result = co_await results.next();
      seen += std::to_string(result);
    } catch (const std::runtime_error& error) {
      seen += error.what();
    }
    seen += "@" + std::to_string(results.current_index().value()) + " ";
  }
  co_return seen;
}

TEST_F(WaitIteratorTest, test_already_done) {
  std::vector<Task<int>> tasks;
  for (int i = 1; i <= 3; ++i) tasks.push_back(ready(i));
  EXPECT_EQ(loop.run_sync(collect(std::move(tasks))), "1@0 2@1 3@2 ");
}

TEST_F(WaitIteratorTest, test_iterator_async_await) {
  std::vector<Task<int>> tasks;
  tasks.push_back(after(2s, 0));
  tasks.push_back(after(3s, 1));
  tasks.push_back(after(1s, 2));
  tasks.push_back(after(4s, 3));
  EXPECT_EQ(loop.run_sync(collect(std::move(tasks))), "2@2 zero@0 1@1 3@3 ");
}

TEST_F(WaitIteratorTest, test_no_ref) {
  const auto takes = [](std::vector<Task<int>> tasks) -> Task<int> {
    // The iterator lives to the end of the expression, and so of the await.
    const int first = co_await WaitIterator<int>(std::move(tasks)).next();
    co_return first;
  };
  std::vector<Task<int>> tasks;
  tasks.push_back(after(1ms, 42));
  EXPECT_EQ(loop.run_sync(takes(std::move(tasks))), 42);
}

// concurrent.

class MiscFutureTest : public Stage {};

TEST_F(MiscFutureTest, test_future_set_result_unless_cancelled) {
  std::optional<Completion<int>> kept;
  const auto waits = [](std::optional<Completion<int>>& to) -> Task<> {
    const auto begin = [&to](const Completion<int>& done) { to = done; };
    (void)co_await until<int>(begin);
  };
  const auto joins = [](TaskGroup& all) -> Task<> { co_await all.join(); };
  TaskGroup group(loop);
  group.start(waits(kept));
  loop.call_later(1ms, [&] { EXPECT_TRUE(kept->set_value(42)); });
  loop.run_sync(joins(group));
  group.start(waits(kept));
  loop.call_later(1ms, [&] {
    group.cancel();
    EXPECT_FALSE(kept->set_value(42));
  });
  loop.run_sync(joins(group));
}

class ReturnFutureTest : public Stage {};

TEST_F(ReturnFutureTest, test_async_future) {
  Task<int> task = after(1ms, 42);
  EXPECT_TRUE(task);  // and nothing of it has run
  EXPECT_EQ(loop.run_sync(std::move(task)), 42);
}

TEST_F(ReturnFutureTest, test_delayed_failure) {
  Task<int> task = after(1ms, 0);
  EXPECT_THROW((void)loop.run_sync(std::move(task)), std::runtime_error);
}

TEST_F(ReturnFutureTest, test_uncaught_exception_log) {
  const LogCapture log;
  const auto fails = []() -> Task<> {
    co_await moment();
    throw std::runtime_error("never retrieved");
  };
  {
    TaskGroup group(loop);
    group.start(fails());
    loop.run_sync(after(1ms, 1));
  }
  loop.run_sync(after(1ms, 1));
  EXPECT_TRUE(log.contains("never retrieved", LogLevel::error));
}

class RunOnExecutorTest : public Stage {
 protected:
  const std::shared_ptr<void> hold = simulation.hold_time();
  Executor one{1};
};

TEST_F(RunOnExecutorTest, test_no_calling) {
  EXPECT_EQ(loop.run_sync(on_thread(42)), 42);
}

TEST_F(RunOnExecutorTest, test_call_with_no_args) {
  loop.set_default_executor(one);
  const auto call_it = []() -> Task<int> {
    const auto answer = [] { return 42; };
    co_return co_await run_in_executor(answer);
  };
  EXPECT_EQ(loop.run_sync(call_it()), 42);
  EXPECT_EQ(one.threads(), 1u);
}

TEST_F(RunOnExecutorTest, test_call_with_executor) {
  const auto call_it = [](Executor& on) -> Task<int> {
    const auto answer = [] { return 42; };
    co_return co_await run_in_executor(on, answer);
  };
  EXPECT_EQ(loop.run_sync(call_it(one)), 42);
  EXPECT_EQ(one.threads(), 1u);
}

TEST_F(RunOnExecutorTest, test_async_await) {
  const auto twice = []() -> Task<int> {
    const int first = co_await on_thread(40);
    const int second = co_await on_thread(2);
    co_return first + second;
  };
  EXPECT_EQ(loop.run_sync(twice()), 42);
}

}  // namespace
}  // namespace tornado::test
