// SPDX-License-Identifier: Apache-2.0
#include "loop/callback_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "support/scale.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

void run_all(CallbackList& batch) {
  for (; !batch.empty(); batch.pop_front()) batch.front().call();
}

TEST(CallbackQueue, tells_every_push_of_the_sleep_until_the_next_fetch) {
  CallbackQueue queue;
  CallbackList batch;
  EXPECT_EQ(queue.push([] {}, {}).sleep, 0u);
  EXPECT_FALSE(queue.fall_asleep()) << "a callback waits";
  queue.take(batch);
  EXPECT_TRUE(queue.fall_asleep());
  const std::uint64_t first = queue.push([] {}, {}).sleep;
  EXPECT_NE(first, 0u);
  EXPECT_EQ(queue.push([] {}, {}).sleep, first);
  EXPECT_EQ(queue.telling(), 2u);
  queue.set_woken(first);
  EXPECT_EQ(queue.push([] {}, {}).sleep, 0u) << "it was woken from that sleep";
  EXPECT_EQ(queue.telling(), 2u);
  queue.fetch();
  EXPECT_EQ(queue.push([] {}, {}).sleep, 0u);
  queue.fetch();
  EXPECT_TRUE(queue.fall_asleep());
  EXPECT_TRUE(queue.fall_asleep());
  EXPECT_GT(queue.push([] {}, {}).sleep, first + 1);
}

TEST(CallbackQueue, tells_its_size_and_how_many_of_others_the_last_take_brought) {
  CallbackQueue queue;
  CallbackList batch;
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_EQ(queue.fetched(), 0u);
  queue.push_own([] {}, {});
  EXPECT_EQ(queue.size(), 1u);
  queue.push([] {}, {});
  EXPECT_EQ(queue.size(), 2u);
  queue.fetch();
  EXPECT_EQ(queue.size(), 2u);
  queue.take(batch);
  EXPECT_EQ(batch.size(), 2u);
  EXPECT_EQ(queue.fetched(), 0u);
  EXPECT_EQ(queue.size(), 0u);
  run_all(batch);
  for (std::size_t count : {1u, 3u, 0u}) {
    for (std::size_t i = 0; i < count; ++i) queue.push([] {}, {});
    queue.take(batch);
    EXPECT_EQ(batch.size(), count);
    EXPECT_EQ(queue.fetched(), count);
    run_all(batch);
  }
}

TEST(CallbackQueue, keeps_one_order_over_own_pushes_and_those_of_others) {
  CallbackQueue queue;
  std::vector<int> order;
  const auto number = [&](int i) { return [&order, i] { order.push_back(i); }; };
  queue.push(number(0), {});
  queue.push_own(number(1), {});
  queue.push_own(number(2), {});
  queue.push(number(3), {});
  queue.push(number(4), {});
  queue.push_own(number(5), {});
  CallbackList batch;
  queue.take(batch);
  run_all(batch);
  EXPECT_EQ(order, (std::vector{0, 1, 2, 3, 4, 5}));
}

TEST(CallbackQueue, once_closed_gives_everything_back_and_refuses) {
  CallbackQueue queue;
  const auto alive = std::make_shared<int>(0);
  queue.push([alive] {}, {});
  queue.push_own([alive] {}, {});
  EXPECT_EQ(queue.close().size(), 2u);
  EXPECT_EQ(alive.use_count(), 1);
  Callback refused = [alive] {};
  EXPECT_FALSE(queue.push(std::move(refused), {}).accepted);
  EXPECT_TRUE(refused);
  EXPECT_EQ(queue.size(), 0u);
}

TEST(CallbackQueue, loses_and_doubles_nothing_between_threads) {
  CallbackQueue queue;
  const std::uint64_t each = scaled(100'000);
  std::uint64_t run = 0;
  std::vector<std::uint64_t> last(4, 0);
  std::atomic<int> running{4};
  std::vector<Thread> producers;
  for (std::size_t p = 0; p < last.size(); ++p) {
    producers.emplace_back([&, p] {
      for (std::uint64_t i = 1; i <= each; ++i) {
        queue.push(
            [&, p, i] {
              EXPECT_EQ(last[p] + 1, i);
              last[p] = i;
              ++run;
            },
            {});
      }
      --running;
    });
  }
  CallbackList batch;
  for (bool last_look = false; !last_look;) {
    last_look = running == 0;
    queue.take(batch);
    run_all(batch);
  }
  EXPECT_EQ(run, each * last.size());
}

}  // namespace
}  // namespace tornado::test
