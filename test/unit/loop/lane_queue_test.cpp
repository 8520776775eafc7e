// SPDX-License-Identifier: Apache-2.0
#include "loop/lane_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "platform/std_atomics.h"

namespace tornado::test {
namespace {

std::function<void()> at_exchange;

/// Lets the pusher in between the taker's load and its exchange.
struct MeddledMemory : StdAtomics {
  template <class T>
  struct Atomic : std::atomic<T> {
    using std::atomic<T>::atomic;
    bool compare_exchange_weak(T& expected, T desired, std::memory_order success,
                               std::memory_order failure) {
      if (const auto meddle = std::exchange(at_exchange, nullptr)) meddle();
      return std::atomic<T>::compare_exchange_weak(expected, desired, success, failure);
    }
  };
};

using Queue = LaneQueue<MeddledMemory, 128>;

void run_one(Queue& queue) {
  queue.front().call();
  queue.pop_front();
}

TEST(LaneQueue, destroys_what_was_never_taken) {
  const auto alive = std::make_shared<int>(0);
  {
    Queue queue;
    for (int i = 0; i < 100; ++i) queue.push([alive] {}, {});
    EXPECT_EQ(alive.use_count(), 101);
    for (int i = 0; i < 10; ++i) run_one(queue);
    EXPECT_EQ(alive.use_count(), 91);
  }
  EXPECT_EQ(alive.use_count(), 1);
}

// The third of a chunk starts at the last place where any callable has room.
TEST(LaneQueue, has_both_sides_go_on_to_the_next_chunk_at_the_same_callback) {
  static int next;
  next = 0;
  struct Numbered {
    std::size_t number;
    void operator()() const { EXPECT_EQ(static_cast<int>(number), next++); }
  };
  Queue queue;
  for (std::size_t i = 0; i < 100; ++i) queue.push(Numbered{i}, {});
  while (queue.taken() != queue.pushed()) run_one(queue);
  EXPECT_EQ(next, 100);
}

TEST(LaneQueue, keeps_all_when_the_pusher_takes_memory_that_is_being_given_back) {
  Queue queue;
  std::vector<int> order;
  int pushed = 0;
  const auto push = [&] {
    queue.push([&order, i = pushed] { order.push_back(i); }, {});
    ++pushed;
  };
  for (int i = 0; i < 20; ++i) push();
  for (int i = 0; i < 10; ++i) run_one(queue);
  bool meddled = false;
  at_exchange = [&] {
    meddled = true;
    for (int i = 0; i < 20; ++i) push();
  };
  while (queue.taken() != queue.pushed()) run_one(queue);
  EXPECT_TRUE(meddled);
  ASSERT_EQ(order.size(), 40u);
  for (int i = 0; i < 40; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

}  // namespace
}  // namespace tornado::test
