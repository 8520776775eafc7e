// SPDX-License-Identifier: Apache-2.0
#include "tornado/async_generator.h"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "stage.h"

namespace tornado::test {
namespace {

/// Counts those that live.
class Local {
 public:
  Local() noexcept { ++live; }
  Local(const Local&) noexcept { ++live; }
  Local& operator=(const Local&) = default;
  ~Local() { --live; }
  static inline int live = 0;
};

AsyncGenerator<int> count(int last) {
  const Local local;
  for (int i = 1; i <= last; ++i) {
    co_await sleep(1s);
    co_yield i;
  }
}

class AsyncGenerators : public Stage {
 protected:
  ~AsyncGenerators() override { EXPECT_EQ(Local::live, 0); }

  static Task<int> sum(AsyncGenerator<int>& numbers) {
    int all = 0;
    while (const std::optional<int> n = co_await numbers.next()) all += *n;
    co_return all;
  }
  static Task<> take_one(AsyncGenerator<int>& numbers, std::string& got) {
    try {
      const std::optional<int> n = co_await numbers.next();
      got = n ? std::to_string(*n) : "end";
    } catch (const std::system_error& error) {
      got = error.code().message();
    } catch (const Cancelled&) {
      got = "cancelled";
      throw;
    }
  }
  void run_for(Delay delay) {
    loop.call_later(delay, [this] { loop.stop(); });
    loop.start();
  }
};

TEST_F(AsyncGenerators, give_their_items_and_then_nothing) {
  AsyncGenerator<int> numbers = count(3);
  EXPECT_EQ(Local::live, 0);
  EXPECT_EQ(loop.run_sync(sum(numbers)), 6);
  EXPECT_EQ(Local::live, 0);
  EXPECT_EQ(loop.run_sync(sum(numbers)), 0);
}

TEST_F(AsyncGenerators, give_items_that_can_only_be_moved) {
  const auto owners = []() -> AsyncGenerator<std::unique_ptr<int>> {
    auto one = std::make_unique<int>(1);
    co_yield std::move(one);
    co_yield std::make_unique<int>(2);
  };
  play([&owners]() -> Task<> {
    auto items = owners();
    const auto one = co_await items.next();
    const auto two = co_await items.next();
    EXPECT_EQ(**one + **two, 3);
    const auto none = co_await items.next();
    EXPECT_FALSE(none);
  });
}

TEST_F(AsyncGenerators, may_take_items_of_each_other) {
  const auto doubled = [](AsyncGenerator<int> from) -> AsyncGenerator<int> {
    while (const std::optional<int> n = co_await from.next()) co_yield *n * 2;
  };
  AsyncGenerator<int> numbers = doubled(doubled(count(3)));
  EXPECT_EQ(loop.run_sync(sum(numbers)), 24);
}

TEST_F(AsyncGenerators, throw_at_the_await_and_have_ended_then) {
  const auto fails = []() -> AsyncGenerator<int> {
    const Local local;
    co_yield 1;
    throw std::runtime_error("no more");
  };
  AsyncGenerator<int> numbers = fails();
  EXPECT_THROW((void)loop.run_sync(sum(numbers)), std::runtime_error);
  EXPECT_EQ(loop.run_sync(sum(numbers)), 0);
}

TEST_F(AsyncGenerators, that_never_suspend_let_the_loop_look) {
  const auto endless = []() -> AsyncGenerator<int> {
    for (;;) co_yield 1;
  };
  AsyncGenerator<int> ones = endless();
  bool looked = false;
  loop.call_later(0s, [&looked] { looked = true; });
  const auto take = [](AsyncGenerator<int>& from, const bool& end) -> Task<> {
    while (!end) (void)co_await from.next();
  };
  loop.run_sync(take(ones, looked));
}

TEST_F(AsyncGenerators, are_cancelled_with_the_task_that_awaits) {
  AsyncGenerator<int> numbers = count(3);
  EXPECT_EQ(error_of([&] { (void)loop.run_sync(sum(numbers), 1500ms); }),
            Errc::timed_out);
  EXPECT_EQ(Local::live, 0);
  EXPECT_EQ(loop.run_sync(sum(numbers)), 0);
}

TEST_F(AsyncGenerators, keep_the_item_of_a_task_that_was_cancelled_before_it_asked) {
  AsyncGenerator<int> numbers = count(2);
  TaskGroup group(loop);
  const auto late = [](AsyncGenerator<int>& from) -> Task<> {
    try {
      co_await sleep(1h);
    } catch (const Cancelled&) {
    }
    (void)co_await from.next();
  };
  group.start(late(numbers));
  loop.call_later(1s, [&group] { group.cancel(); });
  run_for(2s);
  EXPECT_EQ(group.size(), 0u);
  EXPECT_EQ(loop.run_sync(sum(numbers)), 3);
}

TEST_F(AsyncGenerators, give_an_item_though_the_task_is_cancelled) {
  const auto stubborn = []() -> AsyncGenerator<int> {
    try {
      co_await sleep(1h);
    } catch (const Cancelled&) {
    }
    co_yield 7;
  };
  AsyncGenerator<int> numbers = stubborn();
  std::string got;
  TaskGroup group(loop);
  group.start(take_one(numbers, got));
  loop.call_later(1s, [&group] { group.cancel(); });
  run_for(2s);
  EXPECT_EQ(got, "7");
}

TEST_F(AsyncGenerators, are_destroyed_where_they_are_suspended) {
  std::string got;
  {
    AsyncGenerator<int> unused = count(3);
    AsyncGenerator<int> numbers = count(3);
    loop.run_sync(take_one(numbers, got));
    EXPECT_EQ(Local::live, 1);
  }
  EXPECT_EQ(got, "1");
}

TEST_F(AsyncGenerators, that_are_destroyed_end_the_wait_of_their_task) {
  auto numbers = std::make_unique<AsyncGenerator<int>>(count(3));
  std::string got;
  loop.spawn_callback(take_one(*numbers, got));
  loop.call_later(500ms, [&numbers] {
    numbers.reset();
    EXPECT_EQ(Local::live, 0);
  });
  run_for(2s);
  EXPECT_EQ(got, make_error_code(Errc::abandoned).message());
}

TEST_F(AsyncGenerators, may_be_destroyed_by_their_own_coroutine) {
  std::optional<AsyncGenerator<int>> numbers;
  const auto ends_itself =
      [](std::optional<AsyncGenerator<int>>& self) -> AsyncGenerator<int> {
    const Local local;
    co_await sleep(1s);
    self.reset();
    co_yield 1;
    ADD_FAILURE();
  };
  numbers.emplace(ends_itself(numbers));
  std::string got;
  loop.spawn_callback(take_one(*numbers, got));
  run_for(2s);
  EXPECT_EQ(got, make_error_code(Errc::abandoned).message());
  EXPECT_TRUE(loop.tasks().empty());
}

// The destructor runs while the chain of frames is being destroyed.
TEST_F(AsyncGenerators, may_be_destroyed_by_a_local_of_what_they_await) {
  struct Owner {
    explicit Owner(std::optional<AsyncGenerator<int>>& g) : generator(g) {}
    Owner(const Owner&) = delete;
    Owner& operator=(const Owner&) = delete;
    ~Owner() { generator.reset(); }
    std::optional<AsyncGenerator<int>>& generator;
  };
  const auto waits = [](std::optional<AsyncGenerator<int>>& self) -> Task<> {
    const Owner owner(self);
    co_await sleep(1h);
  };
  const auto numbers_of = [](std::optional<AsyncGenerator<int>>& self,
                             auto wait) -> AsyncGenerator<int> {
    const Local local;
    co_await wait(self);
    co_yield 1;
  };
  for (const bool by_close : {false, true}) {
    std::optional<AsyncGenerator<int>> numbers;
    numbers.emplace(numbers_of(numbers, waits));
    std::string got;
    auto group = std::make_unique<TaskGroup>(loop);
    group->start(take_one(*numbers, got));
    run_for(1s);
    EXPECT_EQ(Local::live, 1);
    if (by_close) loop.close();
    group.reset();
    EXPECT_EQ(Local::live, 0);
    EXPECT_FALSE(numbers);
  }
}

TEST_F(AsyncGenerators, are_lost_with_the_task_that_awaits) {
  AsyncGenerator<int> numbers = count(3);
  std::string got;
  {
    TaskGroup group(loop);
    group.start(take_one(numbers, got));
    run_for(500ms);
  }
  EXPECT_EQ(Local::live, 0);
  loop.run_sync(take_one(numbers, got));
  EXPECT_EQ(got, make_error_code(Errc::abandoned).message());
}

TEST_F(AsyncGenerators, refuse_a_second_task_and_serve_the_first) {
  AsyncGenerator<int> numbers = count(3);
  std::string first;
  std::string second;
  loop.spawn_callback(take_one(numbers, first));
  loop.spawn_callback(take_one(numbers, second));
  run_for(2s);
  EXPECT_EQ(first, "1");
  EXPECT_EQ(second, std::make_error_code(std::errc::operation_in_progress).message());
}

TEST_F(AsyncGenerators, may_be_moved_while_a_task_awaits) {
  std::optional<AsyncGenerator<int>> elsewhere;
  AsyncGenerator<int> numbers = count(3);
  std::string got;
  loop.spawn_callback(take_one(numbers, got));
  loop.call_later(500ms, [&] { elsewhere.emplace(std::move(numbers)); });
  run_for(2s);
  EXPECT_EQ(got, "1");
  EXPECT_EQ(loop.run_sync(sum(*elsewhere)), 5);
  *elsewhere = count(2);
  EXPECT_EQ(loop.run_sync(sum(*elsewhere)), 3);
}

TEST_F(AsyncGenerators, may_outlive_their_loop) {
  std::string got;
  auto other = std::make_unique<IOLoop>(simulation.options());
  AsyncGenerator<int> waiting = count(3);
  AsyncGenerator<int> between = count(3);
  other->run_sync(take_one(between, got));
  other->spawn_callback(take_one(waiting, got));
  other->call_later(500ms, [&other] { other->stop(); });
  other->start();
  EXPECT_EQ(Local::live, 2);
  other.reset();
  EXPECT_EQ(Local::live, 1);
  EXPECT_EQ(loop.run_sync(sum(between)), 5);  // on another loop
}

TEST_F(AsyncGenerators, are_told_of_as_a_part_of_their_task) {
  AsyncGenerator<int> numbers = count(3);
  std::string got;
  loop.spawn_callback(take_one(numbers, got));
  run_for(500ms);
  const std::vector<TaskInfo> tasks = loop.tasks();
  ASSERT_EQ(tasks.size(), 1u);
  EXPECT_EQ(tasks[0].chain.size(), 2u);
  EXPECT_EQ(tasks[0].waits_for, "sleep");
  loop.close();
}

}  // namespace
}  // namespace tornado::test
