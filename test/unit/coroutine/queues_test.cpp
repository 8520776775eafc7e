// SPDX-License-Identifier: Apache-2.0
// The cases of Tornado's queues_test.py under their own names, and what the library
// promises beyond them.
#include "tornado/queues.h"

#include <memory>
#include <utility>
#include <vector>

#include "stage.h"

namespace tornado::test {
namespace {

using Numbers = std::vector<int>;

class QueueTest : public Stage {
 protected:
  template <class Q>
  Task<void> get_into(Q& from, Numbers& numbers, std::optional<Delay> timeout = {}) {
    const auto item = co_await from.get(timeout);
    numbers.push_back(item);
  }
  static Task<void> put(Queue<int>& which, int item,
                        std::optional<Delay> timeout = {}) {
    co_await which.put(item, timeout);
  }
  static Task<std::error_code> error_of_get(Queue<int>& which, Delay timeout) {
    try {
      const int item = co_await which.get(timeout);
      EXPECT_EQ(item, -1);
    } catch (const std::system_error& error) {
      co_return error.code();
    }
    co_return std::error_code();
  }
  static Task<std::error_code> error_of_put(Queue<int>& which, int item,
                                            Delay timeout) {
    try {
      co_await which.put(item, timeout);
    } catch (const std::system_error& error) {
      co_return error.code();
    }
    co_return std::error_code();
  }
  static Numbers drain(Queue<int>& which) {
    Numbers all;
    while (!which.empty()) all.push_back(which.get_nowait());
    return all;
  }

  Numbers got;
  Queue<int> queue;
  Queue<int> queue_of_one{1};
  TaskGroup tasks{loop, OnFailure::report};
};

class QueueBasicTest : public QueueTest {};

TEST_F(QueueBasicTest, test_order) {
  for (const int i : {1, 3, 2}) queue.put_nowait(i);
  EXPECT_EQ(drain(queue), (Numbers{1, 3, 2}));
}

TEST_F(QueueBasicTest, test_maxsize) {
  EXPECT_EQ(error_of([] { Queue<int> negative(-1); }), invalid_argument());
  Queue<int> two(2);
  EXPECT_TRUE(two.empty());
  EXPECT_FALSE(two.full());
  EXPECT_EQ(two.maxsize(), 2u);
  play([this, &two]() -> Task<> {
    co_await two.put(0);
    co_await two.put(1);
    EXPECT_TRUE(two.full());
    tasks.start(put(two, 2));
    co_await settle();
    EXPECT_EQ(tasks.size(), 1u);
    EXPECT_EQ(co_await two.get(), 0);
    co_await tasks.join();
    EXPECT_EQ(two.qsize(), 2u);
  });
}

class QueueGetTest : public QueueTest {};

TEST_F(QueueGetTest, test_blocking_get) {
  queue.put_nowait(0);
  play([this]() -> Task<> { EXPECT_EQ(co_await queue.get(), 0); });
}

TEST_F(QueueGetTest, test_nonblocking_get) {
  queue.put_nowait(0);
  EXPECT_EQ(queue.get_nowait(), 0);
}

TEST_F(QueueGetTest, test_nonblocking_get_exception) {
  EXPECT_EQ(error_of([this] { queue.get_nowait(); }), Errc::queue_empty);
}

TEST_F(QueueGetTest, test_get_with_putters) {
  queue_of_one.put_nowait(0);
  play([this]() -> Task<> {
    tasks.start(put(queue_of_one, 1));
    co_await settle();
    EXPECT_EQ(co_await queue_of_one.get(), 0);
    co_await tasks.join();
    EXPECT_EQ(queue_of_one.get_nowait(), 1);
  });
}

TEST_F(QueueGetTest, test_blocking_get_wait) {
  play([this]() -> Task<> {
    loop.call_later(10ms, [this] { queue.put_nowait(1); });
    loop.call_later(10ms, [this] { queue.put_nowait(2); });
    EXPECT_EQ(co_await queue.get(), 1);
    EXPECT_EQ(co_await queue.get(), 2);
  });
}

TEST_F(QueueGetTest, test_get_timeout) {
  play([this]() -> Task<> {
    tasks.start(get_into(queue, got));
    co_await settle();
    const std::error_code error = co_await error_of_get(queue, 10ms);
    EXPECT_EQ(error, Errc::timed_out);
    queue.put_nowait(0);
    co_await tasks.join();
    EXPECT_EQ(got, Numbers{0});
  });
}

TEST_F(QueueGetTest, test_get_timeout_preempted) {
  play([this]() -> Task<> {
    tasks.start(get_into(queue, got, 10ms));
    co_await settle();
    queue.put_nowait(0);
    co_await sleep(20ms);
    EXPECT_EQ(got, Numbers{0});
  });
}

TEST_F(QueueGetTest, test_get_zero_timeout) {
  play([this]() -> Task<> {
    const TimePoint start = loop.time();
    const std::error_code error = co_await error_of_get(queue, 0s);
    EXPECT_EQ(error, Errc::timed_out);
    EXPECT_EQ(loop.time(), start);
    queue.put_nowait(7);
    EXPECT_EQ(co_await queue.get(0s), 7);
  });
}

TEST_F(QueueGetTest, test_get_clears_timed_out_putters) {
  queue_of_one.put_nowait(0);
  loop.handle_callback_exception([](const std::exception_ptr&) {});
  play([this]() -> Task<> {
    for (int i = 1; i < 10; ++i) {
      tasks.start(put(queue_of_one, i, i % 2 == 0 ? 10ms : 1s));
    }
    co_await sleep(20ms);
    EXPECT_EQ(tasks.size(), 5u);
    EXPECT_EQ(co_await queue_of_one.get(), 0);
    co_await settle();
    EXPECT_EQ(tasks.size(), 4u);
    for (const int expected : {1, 3, 5, 7, 9}) {
      EXPECT_EQ(co_await queue_of_one.get(), expected);
    }
  });
}

TEST_F(QueueGetTest, test_get_clears_timed_out_getters) {
  loop.handle_callback_exception([](const std::exception_ptr&) {});
  play([this]() -> Task<> {
    for (int i = 0; i < 10; ++i) {
      tasks.start(get_into(queue, got, i % 2 == 0 ? 10ms : 1s));
    }
    co_await sleep(20ms);
    EXPECT_EQ(tasks.size(), 5u);
    tasks.start(get_into(queue, got));
    co_await settle();
    EXPECT_EQ(tasks.size(), 6u);
    for (int i = 0; i < 6; ++i) queue.put_nowait(i);
    co_await tasks.join();
    EXPECT_EQ(got, (Numbers{0, 1, 2, 3, 4, 5}));
  });
}

class QueuePutTest : public QueueTest {};

TEST_F(QueuePutTest, test_blocking_put) {
  play([this]() -> Task<> {
    co_await queue.put(0);
    EXPECT_EQ(queue.get_nowait(), 0);
  });
}

TEST_F(QueuePutTest, test_nonblocking_put_exception) {
  queue_of_one.put_nowait(0);
  EXPECT_EQ(error_of([this] { queue_of_one.put_nowait(1); }), Errc::queue_full);
}

TEST_F(QueuePutTest, test_put_with_getters) {
  play([this]() -> Task<> {
    tasks.start(get_into(queue, got));
    tasks.start(get_into(queue, got));
    co_await settle();
    co_await queue.put(0);
    co_await queue.put(1);
    co_await tasks.join();
    EXPECT_EQ(got, (Numbers{0, 1}));
  });
}

TEST_F(QueuePutTest, test_nonblocking_put_with_getters) {
  play([this]() -> Task<> {
    tasks.start(get_into(queue, got));
    tasks.start(get_into(queue, got));
    co_await settle();
    queue.put_nowait(0);
    queue.put_nowait(1);
    co_await tasks.join();
    EXPECT_EQ(got, (Numbers{0, 1}));
  });
}

TEST_F(QueuePutTest, test_blocking_put_wait) {
  queue_of_one.put_nowait(0);
  play([this]() -> Task<> {
    loop.call_later(10ms, [this] { got.push_back(queue_of_one.get_nowait()); });
    co_await queue_of_one.put(1);
    EXPECT_EQ(got, Numbers{0});
    EXPECT_EQ(queue_of_one.get_nowait(), 1);
  });
}

TEST_F(QueuePutTest, test_put_timeout) {
  queue_of_one.put_nowait(0);
  play([this]() -> Task<> {
    tasks.start(put(queue_of_one, 1));
    co_await settle();
    const std::error_code error = co_await error_of_put(queue_of_one, 2, 10ms);
    EXPECT_EQ(error, Errc::timed_out);
    EXPECT_EQ(queue_of_one.get_nowait(), 0);
    EXPECT_EQ(queue_of_one.get_nowait(), 1);
    co_await tasks.join();
    EXPECT_TRUE(queue_of_one.empty());
  });
}

TEST_F(QueuePutTest, test_put_timeout_preempted) {
  queue_of_one.put_nowait(0);
  play([this]() -> Task<> {
    tasks.start(put(queue_of_one, 1, 10ms));
    co_await settle();
    EXPECT_EQ(queue_of_one.get_nowait(), 0);
    co_await sleep(20ms);
    EXPECT_EQ(tasks.size(), 0u);
    EXPECT_EQ(queue_of_one.get_nowait(), 1);
  });
}

TEST_F(QueuePutTest, test_put_clears_timed_out_putters) {
  queue_of_one.put_nowait(0);
  loop.handle_callback_exception([](const std::exception_ptr&) {});
  play([this]() -> Task<> {
    for (int i = 1; i < 10; ++i) tasks.start(put(queue_of_one, i, 10ms));
    co_await sleep(20ms);
    EXPECT_EQ(tasks.size(), 0u);
    tasks.start(put(queue_of_one, 99));
    co_await settle();
    EXPECT_EQ(queue_of_one.get_nowait(), 0);
    EXPECT_EQ(queue_of_one.get_nowait(), 99);
    EXPECT_TRUE(queue_of_one.empty());
  });
}

TEST_F(QueuePutTest, test_put_clears_timed_out_getters) {
  loop.handle_callback_exception([](const std::exception_ptr&) {});
  play([this]() -> Task<> {
    for (int i = 0; i < 10; ++i) {
      tasks.start(get_into(queue, got, i % 2 == 0 ? 10ms : 1s));
    }
    co_await sleep(20ms);
    co_await queue.put(0);
    co_await settle();
    EXPECT_EQ(got, Numbers{0});
    EXPECT_EQ(tasks.size(), 4u);
  });
}

// Beyond Tornado.

TEST(Queues, hold_items_that_only_move) {
  Queue<std::unique_ptr<int>> fifo;
  LifoQueue<std::unique_ptr<int>> lifo;
  PriorityQueue<std::unique_ptr<int>> sorted;
  for (int i = 0; i < 100; ++i) {
    fifo.put_nowait(std::make_unique<int>(i));
    lifo.put_nowait(std::make_unique<int>(i));
    sorted.put_nowait(std::make_unique<int>(i));
  }
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(*fifo.get_nowait(), i);
    EXPECT_EQ(*lifo.get_nowait(), 99 - i);
    EXPECT_TRUE(sorted.get_nowait());
  }
}

TEST(Queues, leave_an_item_that_does_not_fit_to_the_caller) {
  Queue<std::unique_ptr<int>> queue(1);
  queue.put_nowait(std::make_unique<int>(1));
  auto item = std::make_unique<int>(2);
  EXPECT_EQ(error_of([&] { queue.put_nowait(std::move(item)); }), Errc::queue_full);
  ASSERT_TRUE(item);
  EXPECT_EQ(*item, 2);
}

TEST_F(QueueTest, makes_the_item_of_a_destroyed_getter_the_first) {
  auto doomed = std::make_unique<TaskGroup>(loop);
  play([&, this]() -> Task<> {
    doomed->start(get_into(queue, got));
    co_await settle();
    for (int i = 0; i < 3; ++i) queue.put_nowait(i);
    doomed.reset();
    EXPECT_EQ(drain(queue), (Numbers{0, 1, 2}));
    EXPECT_TRUE(got.empty());
  });
}

TEST_F(QueueTest, ends_waits_as_abandoned_when_it_is_destroyed) {
  auto gone = std::make_unique<Queue<int>>(1);
  play([&, this]() -> Task<> {
    loop.add_callback([&gone] { gone.reset(); });
    const std::error_code error = co_await error_of_get(*gone, 1s);
    EXPECT_EQ(error, Errc::abandoned);
  });
}

}  // namespace
}  // namespace tornado::test
