// SPDX-License-Identifier: Apache-2.0
// Programs that close, cancel, destroy and throw where it hurts.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "stage.h"
#include "support/log_capture.h"
#include "tornado/executor.h"
#include "tornado/wait_iterator.h"

namespace tornado::test {
namespace {

/// Calls a function when it is destroyed.
template <class F>
struct AtEnd {
  explicit AtEnd(F f) : function(std::move(f)) {}
  AtEnd(const AtEnd&) = delete;
  AtEnd& operator=(const AtEnd&) = delete;
  ~AtEnd() { function(); }
  F function;
};

class HostileTasks : public Stage {
 protected:
  /// Runs the loop until all that can happen within an hour has happened.
  void run_for_an_hour() {
    loop.call_later(1h, [this] { loop.stop(); });
    loop.start();
  }
};

Task<> nap(Delay delay) {
  co_await sleep(delay);
}
Task<> fail_after(Delay delay, std::string what) {
  co_await sleep(delay);
  throw std::runtime_error(what);
}
Task<> shielded_nap(Delay delay) {
  co_await shielded(nap(delay));
}
Task<> join_group(TaskGroup& group) {
  co_await group.join();
}

// Groups.

TEST_F(HostileTasks, may_own_the_group_that_owns_them_when_the_loop_closes) {
  const auto owns = [](std::shared_ptr<TaskGroup>) -> Task<> { co_await sleep(2h); };
  auto group = std::make_shared<TaskGroup>(loop);
  group->start(owns, group);
  group->start(owns, group);
  const std::weak_ptr<TaskGroup> seen = std::exchange(group, nullptr);
  run_for_an_hour();
  loop.close();
  EXPECT_TRUE(seen.expired());
}

TEST_F(HostileTasks, end_a_wait_that_cancels_its_own_task_as_it_begins) {
  TaskGroup group(loop);
  std::optional<Completion<int>> kept;
  bool cancelled = false;
  const auto waits = [&]() -> Task<> {
    const auto begin = [&](const Completion<int>& done) {
      kept = done;
      group.cancel();
    };
    try {
      (void)co_await until<int>(begin);
    } catch (const Cancelled&) {
      cancelled = true;
      throw;
    }
  };
  group.start(waits);
  run_for_an_hour();
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(group.size(), 0u);
}

TEST_F(HostileTasks, end_a_wait_that_destroys_its_own_group_as_it_begins) {
  auto group = std::make_unique<TaskGroup>(loop);
  std::optional<Completion<int>> kept;
  const auto waits = [](std::unique_ptr<TaskGroup>& owner, auto& to) -> Task<> {
    const auto begin = [&](const Completion<int>& done) {
      to = done;
      owner.reset();
    };
    (void)co_await until<int>(begin);
  };
  group->start(waits(group, kept));
  run_for_an_hour();
  EXPECT_TRUE(loop.tasks().empty());
  EXPECT_FALSE(kept->set_value(1));
}

TEST_F(HostileTasks, of_a_group_that_is_used_again_get_a_token_that_is_not_stopped) {
  TaskGroup group(loop);
  bool stopped = true;
  const auto asks = [&]() -> Task<> {
    const std::stop_token token = co_await stop_token();
    stopped = token.stop_requested();
    co_await sleep(2h);
  };
  group.start(asks);
  loop.call_later(1s, [&] { group.cancel(); });
  loop.run_sync(join_group(group));
  stopped = true;
  group.start(asks);
  run_for_an_hour();
  EXPECT_FALSE(stopped);
}

TEST_F(HostileTasks, keep_their_shield_when_they_destroy_their_group) {
  auto group = std::make_unique<TaskGroup>(loop);
  std::string order;
  const auto cleans_up = [](auto& owner, auto& to) -> Task<> {
    owner.reset();
    co_await sleep(1s);
    to += 'c';
  };
  const auto task = [&]() -> Task<> {
    std::string& to = order;
    auto& owner = group;
    const auto clean = cleans_up;
    co_await shielded(clean(owner, to));
    to += 'd';
    co_await moment();
    to += 'x';
  };
  group->start(call<decltype(task)>, task);
  run_for_an_hour();
  EXPECT_EQ(order, "cd");
}

TEST_F(HostileTasks, may_close_the_loop_in_a_destructor) {
  const auto closes = [](IOLoop& on) -> Task<> {
    const AtEnd close([&on] { on.close(); });
    co_await sleep(1s);
  };
  TaskGroup group(loop);
  group.start(closes(loop));
  group.start(closes(loop));
  group.start(nap(2h));
  loop.start();
  EXPECT_TRUE(loop.handle().closed());
  EXPECT_EQ(group.size(), 0u);
}

TEST_F(HostileTasks, may_do_anything_in_the_destructors_that_a_close_runs) {
  auto group = std::make_unique<TaskGroup>(loop);
  auto other = std::make_unique<TaskGroup>(loop);
  std::error_code refused;
  const auto task = [&]() -> Task<> {
    const AtEnd at_end([&] {
      other.reset();
      if (group) group->cancel();
      refused = error_of([&] { group->start(nap(1s)); });
      loop.close();
      EXPECT_FALSE(loop.spawn_callback(nap(1s)));
    });
    co_await sleep(2h);
  };
  other->start(nap(2h));
  group->start(task);
  group->start(nap(2h));
  run_for_an_hour();
  loop.close();
  EXPECT_EQ(refused, Errc::loop_closed);
}

// Cancelling.

TEST_F(HostileTasks, may_destroy_what_is_being_cancelled_from_a_stop_callback) {
  auto outer = std::make_unique<TaskGroup>(loop);
  const auto hears = [&]() -> Task<> {
    const std::stop_token token = co_await stop_token();
    const std::stop_callback destroy(token, [&] { outer.reset(); });
    co_await sleep(2h);
  };
  const auto nested = [&]() -> Task<> {
    (void)co_await multi(call(hears), nap(2h), nap(2h));
  };
  outer->start(nested);
  outer->start(nested);
  outer->start(nap(2h));
  loop.call_later(1s, [&] {
    outer->cancel();
    EXPECT_FALSE(outer);
  });
  run_for_an_hour();
  EXPECT_TRUE(loop.tasks().empty());
}

TEST_F(HostileTasks, may_destroy_their_group_from_a_stop_callback_when_one_fails) {
  const LogCapture log;
  auto group = std::make_unique<TaskGroup>(loop);
  const auto hears = [&]() -> Task<> {
    const std::stop_token token = co_await stop_token();
    const std::stop_callback destroy(token, [&] { group.reset(); });
    co_await sleep(2h);
  };
  group->start(hears);
  group->start(fail_after(1s, "the group ended with this"));
  group->start(nap(2h));
  run_for_an_hour();
  EXPECT_FALSE(group);
  EXPECT_TRUE(loop.tasks().empty());
  EXPECT_TRUE(log.contains("the group ended with this", LogLevel::error));
}

TEST_F(HostileTasks, of_a_job_may_be_destroyed_by_its_stop_callback) {
  const auto hold = simulation.hold_time();
  auto group = std::make_unique<TaskGroup>(loop);
  std::atomic<bool> runs{false};
  const auto job = [&](const std::stop_token& token) {
    std::promise<void> stopped;
    const std::stop_callback destroy(token, [&] {
      group.reset();
      stopped.set_value();
    });
    runs = true;
    stopped.get_future().wait();
  };
  const auto waits = [&]() -> Task<> { co_await run_in_executor(job); };
  group->start(waits);
  group->start(nap(2h));
  const auto cancels = [&]() -> Task<> {
    while (!runs) co_await moment();
    group->cancel();
    EXPECT_FALSE(group);
  };
  play(cancels);
}

// Failures.

TEST_F(HostileTasks, report_a_failure_that_no_join_takes) {
  const LogCapture log;
  {
    TaskGroup group(loop);
    group.start(fail_after(1s, "of a group"));
    run_for_an_hour();
  }
  EXPECT_FALSE(log.contains("of a multi"));
  {
    TaskGroup owner(loop);
    const auto both = [&]() -> Task<> {
      (void)co_await multi(fail_after(1s, "of a multi"), shielded_nap(2h));
    };
    owner.start(both);
    run_for_an_hour();
  }
  {
    std::vector<Task<>> tasks;
    tasks.push_back(fail_after(1s, "of an iterator"));
    const WaitIterator<void> results(loop, std::move(tasks));
    run_for_an_hour();
  }
  run_for_an_hour();
  EXPECT_TRUE(log.contains("of a group", LogLevel::error));
  EXPECT_TRUE(log.contains("of a multi", LogLevel::error));
  EXPECT_TRUE(log.contains("of an iterator", LogLevel::error));
  EXPECT_EQ(log.count(LogLevel::error), 3u);
}

TEST_F(HostileTasks, report_a_failure_that_no_join_takes_after_the_loop) {
  const LogCapture log;
  auto other = std::make_unique<IOLoop>();
  {
    TaskGroup group(*other);
    group.start(fail_after(0s, "outlived"));
    other->run_sync(nap(1ms));
    other.reset();
  }
  EXPECT_TRUE(log.contains("outlived", LogLevel::error));
}

TEST_F(HostileTasks, get_the_first_failure_though_the_loop_rethrows_the_second) {
  loop.set_exception_policy(ExceptionPolicy::rethrow);
  std::string first;
  const auto both = [&]() -> Task<> {
    try {
      (void)co_await multi(fail_after(1s, "first"), fail_after(1s, "second"));
    } catch (const std::runtime_error& error) {
      first = error.what();
    }
    co_await sleep(1s);
  };
  TaskGroup group(loop);
  group.start(both);
  std::string second;
  try {
    run_for_an_hour();
  } catch (const std::runtime_error& error) {
    second = error.what();
  }
  EXPECT_EQ(first, "first");
  EXPECT_EQ(second, "second");
  run_for_an_hour();
  EXPECT_EQ(group.size(), 0u);
}

TEST_F(HostileTasks, give_run_sync_their_result_though_another_fails_in_that_turn) {
  loop.set_exception_policy(ExceptionPolicy::rethrow);
  const auto gives = []() -> Task<int> {
    co_await sleep(1s);
    co_return 42;
  };
  const auto run = [&] {
    try {
      return loop.run_sync(gives());
    } catch (const std::runtime_error&) {
      return 0;
    }
  };
  loop.spawn_callback(fail_after(1s, "in that turn"));
  (void)run();
  EXPECT_EQ(run(), 42);  // and no stop is left over
}

// Loops and threads.

TEST_F(HostileTasks, may_run_another_loop) {
  const auto outer = [](Simulation& time) -> Task<int> {
    IOLoop inner(time.options());
    const auto gives = []() -> Task<int> {
      co_await moment();
      co_return 42;
    };
    const int given = inner.run_sync(gives());
    co_await moment();
    co_return given;
  };
  EXPECT_EQ(loop.run_sync(outer(simulation)), 42);
}

TEST_F(HostileTasks, cannot_run_the_loop_that_runs_them) {
  const auto nested = [](IOLoop& on) -> Task<std::error_code> {
    const auto code = error_of([&on] { on.run_sync(nap(1s)); });
    co_await moment();
    co_return code;
  };
  EXPECT_EQ(loop.run_sync(nested(loop)), Errc::loop_running);
}

TEST_F(HostileTasks, of_another_loop_are_refused_by_a_join) {
  IOLoop other;
  TaskGroup group(other);
  group.start(nap(1h));
  EXPECT_EQ(error_of([&] { loop.run_sync(join_group(group)); }), invalid_argument());
}

TEST_F(HostileTasks, of_a_running_loop_take_no_group_of_another_thread) {
  IOLoop other;
  std::error_code refused;
  other.add_callback([&] {
    std::thread([&] { refused = error_of([&] { TaskGroup group(other); }); }).join();
    other.stop();
  });
  other.start();
  EXPECT_EQ(refused, Errc::wrong_thread);
}

TEST(HostileJobs, may_close_their_executor) {
  const LogCapture quiet;
  IOLoop loop;
  Executor executor(2);
  const auto closes = [](Executor& own) -> Task<int> {
    const auto job = [&own] {
      own.close();
      return 42;
    };
    co_return co_await run_in_executor(own, job);
  };
  EXPECT_EQ(loop.run_sync(closes(executor), 10s), 42);
}

}  // namespace
}  // namespace tornado::test
