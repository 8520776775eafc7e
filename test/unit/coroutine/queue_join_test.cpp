// SPDX-License-Identifier: Apache-2.0
// The cases of Tornado's queues_test.py about join() and the order of items, under
// their own names.
#include <numeric>
#include <vector>

#include "stage.h"
#include "tornado/queues.h"

namespace tornado::test {
namespace {

using Numbers = std::vector<int>;

class QueueTest : public Stage {
 protected:
  std::vector<int> got;
  TaskGroup tasks{loop};
};

template <class Q>
class QueueJoinTest : public QueueTest {};
using QueueKinds = testing::Types<Queue<int>, LifoQueue<int>, PriorityQueue<int>>;
TYPED_TEST_SUITE(QueueJoinTest, QueueKinds);

TYPED_TEST(QueueJoinTest, test_task_done_underflow) {
  TypeParam items;
  EXPECT_EQ(error_of([&] { items.task_done(); }), invalid_argument());
}

TYPED_TEST(QueueJoinTest, test_task_done) {
  TypeParam items;
  const auto worker = [&items, this]() -> Task<> {
    for (;;) {
      const int item = co_await items.get();
      this->got.push_back(item);
      items.task_done();
      co_await moment();
    }
  };
  for (int i = 0; i < 100; ++i) items.put_nowait(i);
  this->play([&]() -> Task<> {
    this->tasks.start(worker);
    this->tasks.start(worker);
    co_await items.join();
    const int sum = std::accumulate(this->got.begin(), this->got.end(), 0);
    EXPECT_EQ(sum, 99 * 100 / 2);
  });
}

TYPED_TEST(QueueJoinTest, test_task_done_delay) {
  TypeParam items;
  items.put_nowait(0);
  this->play([&]() -> Task<> {
    bool joined = false;
    const auto join = [&]() -> Task<> {
      co_await items.join();
      joined = true;
    };
    this->tasks.start(join);
    co_await this->settle();
    EXPECT_FALSE(joined);
    (void)items.get_nowait();
    co_await this->settle();
    EXPECT_FALSE(joined);
    items.task_done();
    co_await this->settle();
    EXPECT_TRUE(joined);
  });
}

TYPED_TEST(QueueJoinTest, test_join_empty_queue) {
  TypeParam items;
  this->play([&]() -> Task<> {
    co_await items.join();
    co_await items.join();
  });
}

TYPED_TEST(QueueJoinTest, test_join_timeout) {
  TypeParam items;
  items.put_nowait(0);
  const auto join = [&items]() -> Task<> { co_await items.join(10ms); };
  this->play([&]() -> Task<> {
    const std::error_code error = co_await error_of_task(join);
    EXPECT_EQ(error, Errc::timed_out);
  });
}

class OrderTest : public QueueTest {
 protected:
  /// Of a queue of two that is full, and two putters that wait.
  template <class Q>
  Numbers order_of(const Numbers& items) {
    Q orders(2);
    orders.put_nowait(items[0]);
    orders.put_nowait(items[1]);
    const auto put_one = [&orders](int item) -> Task<> { co_await orders.put(item); };
    play([&, this]() -> Task<> {
      tasks.start(put_one, items[2]);
      tasks.start(put_one, items[3]);
      co_await settle();
      for (int i = 0; i < 4; ++i) {
        const int item = co_await orders.get();
        got.push_back(item);
      }
      co_await tasks.join();
    });
    return got;
  }
};
class PriorityQueueJoinTest : public OrderTest {};
class LifoQueueJoinTest : public OrderTest {};

TEST_F(PriorityQueueJoinTest, test_order) {
  EXPECT_EQ(order_of<PriorityQueue<int>>({1, 0, 3, 2}), (Numbers{0, 1, 2, 3}));
}

TEST_F(LifoQueueJoinTest, test_order) {
  EXPECT_EQ(order_of<LifoQueue<int>>({1, 0, 3, 2}), (Numbers{3, 2, 0, 1}));
}

class ProducerConsumerTest : public QueueTest {};

TEST_F(ProducerConsumerTest, test_producer_consumer) {
  Queue<int> three(3);
  const auto consumer = [&]() -> Task<> {
    for (;;) {
      const int item = co_await three.get();
      got.push_back(item);
      three.task_done();
    }
  };
  play([&, this]() -> Task<> {
    tasks.start(consumer);
    for (int i = 0; i < 10; ++i) co_await three.put(i);
    co_await three.join();
    EXPECT_EQ(got, (Numbers{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  });
}

}  // namespace
}  // namespace tornado::test
