// SPDX-License-Identifier: Apache-2.0
#include "tornado/channel.h"

#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "stage.h"

namespace tornado::test {
namespace {

using Boxes = Channel<std::unique_ptr<int>>;

TEST(Channel, passes_items_in_order_up_to_its_capacity) {
  Channel<int> channel(2);
  EXPECT_TRUE(channel.try_send(1));
  EXPECT_TRUE(channel.try_send(2));
  EXPECT_FALSE(channel.try_send(3));
  EXPECT_EQ(channel.size(), 2u);
  EXPECT_EQ(channel.try_receive(), 1);
  EXPECT_EQ(channel.try_receive(), 2);
  EXPECT_EQ(channel.try_receive(), std::nullopt);
  EXPECT_EQ(error_of([] { Channel<int> none(0); }), invalid_argument());
}

TEST(Channel, leaves_an_item_that_does_not_fit_to_the_caller) {
  Boxes channel(1);
  EXPECT_TRUE(channel.try_send(std::make_unique<int>(1)));
  auto item = std::make_unique<int>(2);
  EXPECT_FALSE(channel.try_send(std::move(item)));
  EXPECT_TRUE(item);
  channel.close();
  EXPECT_FALSE(channel.try_send(std::move(item)));
  EXPECT_TRUE(item);
}

TEST(Channel, gives_what_is_left_after_it_was_closed_and_then_the_end) {
  Channel<int> channel(2);
  EXPECT_TRUE(channel.try_send(1));
  channel.close();
  channel.close();
  EXPECT_TRUE(channel.closed());
  EXPECT_EQ(channel.blocking_receive(), 1);
  EXPECT_EQ(channel.blocking_receive(), std::nullopt);
  EXPECT_EQ(error_of([&] { channel.blocking_send(2); }), Errc::channel_closed);
}

TEST(Channel, does_not_wait_without_time) {
  Channel<int> channel(1);
  EXPECT_EQ(error_of([&] { (void)channel.blocking_receive(0s); }), Errc::timed_out);
  EXPECT_EQ(error_of([&] { (void)channel.blocking_receive(1ns); }), Errc::timed_out);
  channel.blocking_send(1, 0s);
  EXPECT_EQ(error_of([&] { channel.blocking_send(2, 0s); }), Errc::timed_out);
  EXPECT_EQ(channel.size(), 1u);
}

TEST(Channel, wakes_a_thread_that_waits_to_receive_or_to_send) {
  Channel<int> there(1);
  Channel<int> back(1);
  std::thread other([&] {
    while (const auto item = there.blocking_receive()) back.blocking_send(*item + 1);
    back.close();
  });
  for (int i = 0; i < 1000; ++i) {
    there.blocking_send(i);
    EXPECT_EQ(back.blocking_receive(), i + 1);
  }
  there.close();
  EXPECT_EQ(back.blocking_receive(), std::nullopt);
  other.join();
}

class ChannelOfTasks : public Stage {};

TEST_F(ChannelOfTasks, times_out_in_the_time_of_the_loop) {
  Channel<int> channel(1);
  const auto receive = [&channel]() -> Task<> { (void)co_await channel.receive(10ms); };
  const auto receive_now = [&channel]() -> Task<> {
    (void)co_await channel.receive(0s);
  };
  play([&, this]() -> Task<> {
    const TimePoint start = loop.time();
    const std::error_code at_once = co_await error_of_task(receive_now);
    EXPECT_EQ(at_once, Errc::timed_out);
    EXPECT_EQ(loop.time(), start);
    const std::error_code late = co_await error_of_task(receive);
    EXPECT_EQ(late, Errc::timed_out);
    EXPECT_EQ(loop.time() - start, 10ms);
  });
}

TEST_F(ChannelOfTasks, ends_the_waits_of_all_tasks_when_it_is_closed) {
  Channel<int> full(1);
  Channel<int> empty(1);
  EXPECT_TRUE(full.try_send(1));
  const auto send = [&full]() -> Task<> { co_await full.send(2); };
  const auto receive = [&empty]() -> Task<> {
    const auto item = co_await empty.receive();
    EXPECT_EQ(item, std::nullopt);
  };
  play([&, this]() -> Task<> {
    TaskGroup receivers(loop);
    receivers.start(receive);
    receivers.start(receive);
    loop.call_later(10ms, [&] { full.close(); });
    loop.call_later(10ms, [&] { empty.close(); });
    const std::error_code refused = co_await error_of_task(send);
    EXPECT_EQ(refused, Errc::channel_closed);
    co_await receivers.join();
    EXPECT_EQ(full.size(), 1u);
  });
}

TEST_F(ChannelOfTasks, gives_the_item_of_a_destroyed_receiver_to_the_next) {
  Boxes channel(4);
  int got = 0;
  const auto receive = [&]() -> Task<> {
    const auto item = co_await channel.receive();
    got += **item;
  };
  play([&, this]() -> Task<> {
    auto doomed = std::make_unique<TaskGroup>(loop);
    TaskGroup next(loop);
    doomed->start(receive);
    co_await settle();
    next.start(receive);
    co_await settle();
    EXPECT_TRUE(channel.try_send(std::make_unique<int>(7)));
    doomed.reset();
    co_await next.join();
    EXPECT_EQ(got, 7);
  });
}

/// A loop of its own thread whose tasks receive, are cancelled and destroyed while
/// others send.
void receive_among_disturbances(Boxes& channel, std::atomic<long>& sum) {
  const auto receive = [&channel, &sum]() -> Task<> {
    while (const auto item = co_await channel.receive()) sum += **item;
  };
  const auto receive_once = [&channel, &sum]() -> Task<> {
    const auto item = co_await channel.receive();
    if (item) sum += **item;
  };
  IOLoop loop;
  loop.run_sync(call([&]() -> Task<> {
    TaskGroup steady(loop);
    steady.start(receive);
    for (int round = 0; !channel.closed(); ++round) {
      TaskGroup disturbed(loop);
      for (int i = 0; i < 3; ++i) disturbed.start(receive_once);
      for (int turn = round % 3; turn >= 0; --turn) co_await moment();
      if (round % 2 == 0) disturbed.cancel();
    }
    co_await steady.join();
  }));
}

TEST(Channel, loses_no_item_between_threads_and_tasks_that_end) {
  constexpr int count = 5000;
  Boxes channel(3);
  std::atomic<long> received{0};
  std::vector<std::thread> loops;
  for (int i = 0; i < 2; ++i) {
    loops.emplace_back(receive_among_disturbances, std::ref(channel),
                       std::ref(received));
  }
  std::thread sender([&channel] {
    for (int i = 1; i <= count; ++i) channel.blocking_send(std::make_unique<int>(i));
  });
  IOLoop loop;
  loop.run_sync(call([&]() -> Task<> {
    for (int i = 1; i <= count; ++i) {
      auto item = std::make_unique<int>(i);
      co_await channel.send(std::move(item));
    }
  }));
  sender.join();
  channel.close();
  for (std::thread& thread : loops) thread.join();
  while (const auto left = channel.try_receive()) received += **left;
  EXPECT_EQ(received, 2L * count * (count + 1) / 2);
}

TEST(Channel, survives_the_close_of_a_loop_whose_tasks_wait) {
  Channel<int> channel(1);
  const auto receive = [&channel]() -> Task<> { (void)co_await channel.receive(); };
  {
    IOLoop loop;
    TaskGroup receivers(loop);
    loop.run_sync(call([&]() -> Task<> {
      receivers.start(receive);
      for (int turn = 0; turn < 3; ++turn) co_await moment();
      EXPECT_TRUE(channel.try_send(1));
    }));
    loop.close();
  }
  EXPECT_EQ(channel.try_receive(), 1);
}

}  // namespace
}  // namespace tornado::test
