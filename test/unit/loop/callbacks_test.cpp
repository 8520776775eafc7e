// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>

#include "every_loop.h"
#include "support/scale.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

class Callbacks : public EveryLoop {};

TEST_P(Callbacks, run_in_the_order_in_which_they_were_added) {
  std::vector<int> order;
  for (int i = 0; i < 100; ++i) loop.add_callback([&order, i] { order.push_back(i); });
  turn();
  ASSERT_EQ(order.size(), 100u);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST_P(Callbacks, added_in_a_turn_run_in_the_next_one) {
  std::vector<std::uint64_t> turns;
  loop.add_callback([&] {
    turns.push_back(loop.counters().turns);
    loop.add_callback([&] {
      turns.push_back(loop.counters().turns);
      loop.stop();
    });
  });
  start();
  ASSERT_EQ(turns.size(), 2u);
  EXPECT_EQ(turns[1], turns[0] + 1);
}

// As in Tornado, whose turn begins with the callbacks.
TEST_P(Callbacks, of_a_handler_run_in_its_turn_and_before_the_next_look) {
  const FdPair pipe = make_pipe();
  put_byte(pipe.second);
  std::uint64_t of_handler = 0;
  std::uint64_t of_callback = 0;
  loop.add_handler(
      pipe.first.get(),
      [&](NativeFd fd, Events) {
        loop.remove_handler(fd);
        of_handler = loop.counters().turns;
        loop.add_callback([&] {
          of_callback = loop.counters().turns;
          loop.stop();
        });
      },
      Events::read);
  start();
  EXPECT_EQ(of_callback, of_handler);
}

TEST_P(Callbacks, that_add_themselves_do_not_starve_descriptors_and_timeouts) {
  const FdPair pipe = make_pipe();
  bool readable = false;
  bool timed_out = false;
  const auto stop_if_both = [&] {
    if (readable && timed_out) loop.stop();
  };
  std::function<void()> again = [&] { loop.add_callback([&] { again(); }); };
  loop.add_callback([&] { again(); });
  loop.add_handler(
      pipe.first.get(),
      [&](NativeFd fd, Events) {
        readable = true;
        loop.remove_handler(fd);
        stop_if_both();
      },
      Events::read);
  loop.call_later(1ms, [&] {
    timed_out = true;
    put_byte(pipe.second);
    stop_if_both();
  });
  start();
  EXPECT_TRUE(readable);
}

// How many callbacks of an endless chain, each of which takes that long, run between
// two looks at a descriptor that is ready all the time.
std::vector<int> callbacks_between_looks(PollerKind poller,
                                         std::chrono::nanoseconds each) {
  IOLoop::Options options;
  options.poller = poller;
  options.make_current = false;
  options.turns = TurnPolicy::bounded;
  IOLoop bounded(options);
  const FdPair pipe = make_pipe();
  put_byte(pipe.second);
  int run = 0;
  std::vector<int> between;
  std::function<void()> again = [&] {
    ++run;
    for (const TimePoint end = Clock::now() + each; Clock::now() < end;) {
    }
    bounded.add_callback([&] { again(); });
  };
  bounded.add_callback([&] { again(); });
  bounded.add_handler(
      pipe.first.get(),
      [&](NativeFd, Events) {
        between.push_back(std::exchange(run, 0));
        if (between.size() == 100) bounded.stop();
      },
      Events::read);
  bounded.start();
  return between;
}

TEST_P(Callbacks, of_a_bounded_turn_are_not_more_than_sixty_four) {
  for (const int callbacks : callbacks_between_looks(GetParam(), 0ns)) {
    EXPECT_LE(callbacks, 65);
  }
}

// 20 microseconds are over after four more of them, and a busy machine makes it fewer:
// a ready descriptor waits for 25 callbacks, and never for 100, which would show.
TEST_P(Callbacks, of_a_bounded_turn_give_way_after_20_microseconds) {
  for (const int callbacks : callbacks_between_looks(GetParam(), 5us)) {
    EXPECT_LE(callbacks, 5);
  }
}

TEST_P(Callbacks, of_a_bounded_turn_are_bounded_when_one_adds_them_all) {
  IOLoop bounded(IOLoop::Options{
      .poller = GetParam(), .make_current = false, .turns = TurnPolicy::bounded});
  const int added = 1000;
  int ran = 0;
  std::uint64_t same = 0;
  std::vector<int> order;
  bounded.add_callback([&] {
    const std::uint64_t turn = bounded.counters().turns;
    for (int i = 0; i < added; ++i) {
      bounded.add_callback([&, turn, i] {
        same += bounded.counters().turns == turn;
        order.push_back(i);
        if (++ran == added) bounded.stop();
      });
    }
  });
  bounded.start();
  EXPECT_LE(same, 64u);
  EXPECT_EQ(ran, added);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST_P(Callbacks, that_wait_are_counted_while_the_batch_before_them_runs) {
  const auto depth = [this] { return loop.counters().queue_depth; };
  std::vector<std::uint64_t> depths;
  for (int i = 0; i < 1000; ++i) {
    loop.add_callback([&, i] {
      depths.push_back(depth());
      if (i == 999) loop.stop();
    });
  }
  EXPECT_EQ(depth(), 1000u);
  loop.add_callback([] {});  // behind the stop, and in the same turn
  loop.start();
  EXPECT_EQ(depth(), 0u);
  ASSERT_EQ(depths.size(), 1000u);
  EXPECT_EQ(depths.front(), 1000u);
  EXPECT_EQ(depths[400], 600u);
  EXPECT_EQ(depths.back(), 1u);
}

TEST_P(Callbacks, that_an_exception_has_left_are_counted_as_waiting) {
  loop.set_exception_policy(ExceptionPolicy::rethrow);
  loop.add_callback([] { throw std::runtime_error("mine"); });
  for (int i = 0; i < 5; ++i) loop.add_callback([] {});
  EXPECT_THROW(loop.start(), std::runtime_error);
  EXPECT_EQ(loop.counters().queue_depth, 5u);
  loop.close();
  EXPECT_EQ(loop.counters().queue_depth, 0u);
}

/// Whose turn it is. Not atomic::wait, of which a waiter was seen to stay asleep.
class Turnstile {
 public:
  void await(std::uint64_t number) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return number_ >= number; });
  }
  void pass_to(std::uint64_t number) {
    {
      const std::lock_guard lock(mutex_);
      number_ = std::max(number_, number);
    }
    changed_.notify_all();
  }
  std::uint64_t number() {
    const std::lock_guard lock(mutex_);
    return number_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t number_ = 0;
};

TEST_P(Callbacks, keep_what_one_thread_told_another_in_order) {
  // The second thread posts after it has heard of the first one's post; and the loop
  // itself takes part, whose own posts take another way.
  const std::uint64_t rounds = scaled(2'000);
  Turnstile token;  // at `rounds` all ends
  std::uint64_t expected = 0;
  std::uint64_t wrong = 0;
  const auto arrived = [&](std::uint64_t number) {
    wrong += number != expected;
    expected = number + 1;
    if (expected == rounds) loop.stop();
  };
  const auto take_part = [&](std::uint64_t first) {
    for (std::uint64_t i = first; i < rounds; i += 3) {
      token.await(i);
      loop.add_callback([&arrived, i] { arrived(i); });
      token.pass_to(i + 1);
    }
  };
  std::function<void()> own = [&] {
    const std::uint64_t now = token.number();
    if (now % 3 == 2 && now < rounds) {
      loop.add_callback([&arrived, now] { arrived(now); });
      token.pass_to(now + 1);
    }
    loop.add_callback([&] { own(); });
  };
  loop.add_callback([&] { own(); });
  Thread one([&] { take_part(0); });
  Thread two([&] { take_part(1); });
  start();
  token.pass_to(rounds);
  EXPECT_EQ(wrong, 0u);
}

TEST_P(Callbacks, cost_no_system_call_while_the_loop_is_awake) {
  const int posts = 10'000;
  std::atomic<int> done{0};
  const auto spin = [&] {
    // The loop is within a callback all the time.
    Thread poster([&] {
      for (int i = 0; i < posts; ++i) loop.add_callback([&] { ++done; });
    });
    poster.join();
    loop.add_callback([&] { loop.stop(); });
  };
  loop.add_callback(spin);
  start();
  EXPECT_EQ(done, posts);
  EXPECT_EQ(loop.counters().waker.written, 0u);
}

TEST_P(Callbacks, cost_at_most_one_write_per_sleep) {
  const int posts = 1000;
  int done = 0;
  Thread poster([&] {
    for (int i = 0; i < posts; ++i) {
      loop.add_callback([&] {
        if (++done == posts) loop.stop();
      });
      if (i % 10 == 0) std::this_thread::yield();
    }
  });
  start();
  const LoopCounters counters = loop.counters();
  EXPECT_LE(counters.waker.written, counters.turns);
  EXPECT_EQ(done, posts);
}

TEST_P(Callbacks, are_refused_and_destroyed_once_the_loop_is_closed) {
  const auto alive = std::make_shared<int>(0);
  const LoopHandle handle = loop.handle();
  EXPECT_TRUE(loop.add_callback([alive] {}));
  EXPECT_FALSE(handle.closed());
  loop.close();
  EXPECT_EQ(alive.use_count(), 1) << "what had not run was not destroyed";
  EXPECT_FALSE(loop.add_callback([alive] {}));
  EXPECT_FALSE(handle.add_callback([alive] {}));
  EXPECT_FALSE(handle.add_callback_from_signal([] {}));
  EXPECT_TRUE(handle.closed());
  handle.stop();
  EXPECT_EQ(alive.use_count(), 1);
}

TEST_P(Callbacks, may_post_from_their_destructors) {
  struct Posts {
    explicit Posts(LoopHandle h) : handle(std::move(h)) {}
    Posts(Posts&& other) noexcept : handle(std::exchange(other.handle, LoopHandle())) {}
    ~Posts() {
      handle.add_callback([] {});
    }
    LoopHandle handle;
  };
  loop.add_callback([posts = Posts(loop.handle())] { (void)posts; });
  turn();
  loop.add_callback([posts = Posts(loop.handle())] { (void)posts; });
  loop.call_later(1h, [posts = Posts(loop.handle())] { (void)posts; });
  loop.close();
}

TEST_P(Callbacks, are_destroyed_as_soon_as_they_have_run) {
  const auto alive = std::make_shared<int>(0);
  long count_seen = 0;
  loop.add_callback([alive] {});
  loop.add_callback([&] { count_seen = alive.use_count(); });
  turn();
  EXPECT_EQ(count_seen, 1);
}

TEST_P(Callbacks, that_are_empty_are_refused) {
  const auto invalid = std::make_error_code(std::errc::invalid_argument);
  EXPECT_EQ(error_of([&] { loop.add_callback(Callback()); }), invalid);
  EXPECT_EQ(error_of([&] { loop.spawn_callback(nullptr); }), invalid);
  EXPECT_EQ(error_of([&] { loop.handle().add_callback(Callback()); }), invalid);
  EXPECT_EQ(error_of([&] { loop.call_later(1s, Callback()); }), invalid);
}

TEST_P(Callbacks, from_signal_are_bounded_and_report_full) {
  int run = 0;
  int* const counter = &run;
  int taken = 0;
  while (loop.add_callback_from_signal([counter] { ++*counter; })) ++taken;
  EXPECT_EQ(taken, 256);
  turn();
  EXPECT_EQ(run, 256);
  EXPECT_TRUE(loop.add_callback_from_signal([counter] { ++*counter; }));
  turn();
  EXPECT_EQ(run, 257);
}

TEST_P(Callbacks, reach_the_loop_through_handles_that_outlive_it) {
  LoopHandle handle;
  EXPECT_TRUE(handle.closed());
  EXPECT_FALSE(handle.add_callback([] {}));
  EXPECT_FALSE(handle.add_callback_from_signal([] {}));
  handle.stop();
  {
    IOLoop brief(IOLoop::Options{GetParam(), WakerKind::best, false});
    handle = brief.handle();
    EXPECT_FALSE(handle.closed());
  }
  EXPECT_TRUE(handle.closed());
  EXPECT_FALSE(handle.add_callback([] {}));
  handle.stop();
}

TORNADO_ON_EVERY_POLLER(Callbacks);

}  // namespace
}  // namespace tornado::test
