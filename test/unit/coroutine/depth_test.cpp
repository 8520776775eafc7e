// SPDX-License-Identifier: Apache-2.0
// Chains of a million tasks on a stack of 64 KiB.
#include <gtest/gtest.h>
#include <pthread.h>

#include <chrono>
#include <functional>
#include <stdexcept>

#include "support/sanitizers.h"
#include "support/scale.h"
#include "tornado/gen.h"
#include "tornado/task_group.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;

constexpr int many = 1'000'000;

/// Runs `body` on a thread with the smallest stack that holds a loop.
void on_little_stack(std::function<void()> body) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  // The sanitizers need some of it themselves.
  const std::size_t size =
      (under_address_sanitizer() || under_thread_sanitizer()) ? 512 * 1024 : 64 * 1024;
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, size), 0);
  pthread_t thread{};
  const auto call = [](void* f) -> void* {
    (*static_cast<std::function<void()>*>(f))();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, call, &body), 0);
  pthread_attr_destroy(&attributes);
  pthread_join(thread, nullptr);
}

Task<int> one() {
  co_return 1;
}
Task<int> in_a_row(int n) {
  int sum = 0;
  for (int i = 0; i < n; ++i) sum += co_await one();
  co_return sum;
}
Task<int> deep(int n) {
  if (n == 0) co_return 0;
  const int below = co_await deep(n - 1);
  co_return below + 1;
}
Task<int> deep_and_yielding(int n) {
  if (n == 0) {
    co_await moment();
    co_return 0;
  }
  const int below = co_await deep_and_yielding(n - 1);
  co_return below + 1;
}
Task<int> deep_and_thrown(int n) {
  if (n == 0) throw std::runtime_error("from below");
  const int below = co_await deep_and_thrown(n - 1);
  co_return below + 1;
}
Task<> deep_and_asleep(int n, const std::function<void()>& at_bottom) {
  if (n == 0) {
    at_bottom();
    co_await sleep(1h);
  } else {
    co_await deep_and_asleep(n - 1, at_bottom);
  }
}

TEST(TaskDepth, a_million_awaits_in_a_row_need_no_stack) {
  on_little_stack([] {
    IOLoop loop;
    EXPECT_EQ(loop.run_sync(in_a_row(many)), many);
  });
}

TEST(TaskDepth, a_chain_of_a_million_returns) {
  on_little_stack([] {
    IOLoop loop;
    EXPECT_EQ(loop.run_sync(deep(many)), many);
    EXPECT_EQ(loop.run_sync(deep_and_yielding(many)), many);
  });
}

TEST(TaskDepth, an_exception_goes_through_a_chain_of_a_million) {
  const int levels = static_cast<int>(scaled(many));
  on_little_stack([levels] {
    IOLoop loop;
    EXPECT_THROW((void)loop.run_sync(deep_and_thrown(levels)), std::runtime_error);
  });
}

Task<> join(TaskGroup& group) {
  co_await group.join();
}

/// Stops `loop` when `task` has reached its last level.
template <class F>
void run_to_the_bottom(IOLoop& loop, TaskGroup& group, F task, int levels) {
  bool there = false;
  const std::function<void()> at_bottom = [&] {
    there = true;
    loop.stop();
  };
  group.start(task(levels, at_bottom));
  loop.start();
  EXPECT_TRUE(there);
}

TEST(TaskDepth, a_chain_of_a_million_is_destroyed_by_close) {
  on_little_stack([] {
    IOLoop loop;
    TaskGroup group(loop);
    run_to_the_bottom(loop, group, deep_and_asleep, many);
    loop.close();
    EXPECT_EQ(group.size(), 0u);
  });
}

TEST(TaskDepth, a_chain_of_a_million_is_cancelled) {
  const int levels = static_cast<int>(scaled(many));
  on_little_stack([levels] {
    IOLoop loop;
    TaskGroup group(loop);
    run_to_the_bottom(loop, group, deep_and_asleep, levels);
    group.cancel();
    loop.run_sync(join(group));
    EXPECT_EQ(group.size(), 0u);
  });
}

Task<> scopes_within_scopes(int n, const std::function<void()>& at_bottom) {
  if (n == 0) {
    at_bottom();
    co_await sleep(1h);
  } else {
    co_await with_timeout(2h, scopes_within_scopes(n - 1, at_bottom));
  }
}

TEST(TaskDepth, scopes_within_many_scopes_are_destroyed) {
  on_little_stack([] {
    IOLoop loop;
    TaskGroup group(loop);
    run_to_the_bottom(loop, group, scopes_within_scopes, many / 10);
  });
}

TEST(TaskDepth, scopes_within_many_scopes_are_cancelled) {
  const int levels = static_cast<int>(scaled(many / 100));
  on_little_stack([levels] {
    IOLoop loop;
    TaskGroup group(loop);
    run_to_the_bottom(loop, group, scopes_within_scopes, levels);
    group.cancel();
    loop.run_sync(join(group));
    EXPECT_EQ(group.size(), 0u);
  });
}

}  // namespace
}  // namespace tornado::test
