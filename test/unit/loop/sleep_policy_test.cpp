// SPDX-License-Identifier: Apache-2.0
#include "loop/sleep_policy.h"

#include <atomic>
#include <thread>

#include "every_loop.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

bool several_processors() {
  return std::thread::hardware_concurrency() > 1;
}

/// A policy, and what the turns of its loop do.
class Turns {
 public:
  explicit Turns(std::chrono::nanoseconds spin) : policy_(spin) {}
  bool sleep_after_work() { return policy_.may_sleep(++done_, false); }
  bool sleep_after_remote_work() { return policy_.may_sleep(++done_, true); }
  bool sleep_after_nothing() { return policy_.may_sleep(done_, false); }
  void look_until_the_limit_is_over() {
    while (!sleep_after_nothing()) {
    }
  }
  int occasions_until_it_looks_again() {
    for (int count = 1;; ++count) {
      if (!sleep_after_work()) return count;
    }
  }

 private:
  SleepPolicy policy_;
  std::uint64_t done_ = 0;
};

TEST(SleepPolicy, without_looks_always_sleeps) {
  SleepPolicy policy;
  EXPECT_TRUE(policy.may_sleep(1, true));
}

TEST(SleepPolicy, looks_after_any_work_where_the_loop_spins) {
  Turns turns(1h);
  EXPECT_TRUE(turns.sleep_after_nothing());
  EXPECT_EQ(turns.sleep_after_work(), !several_processors());
  EXPECT_EQ(turns.sleep_after_nothing(), !several_processors())
      << "the limit is not over";
}

TEST(SleepPolicy, looks_after_remote_callbacks_alone_by_default) {
  Turns turns(0ns);
  EXPECT_TRUE(turns.sleep_after_work());
  EXPECT_EQ(turns.sleep_after_remote_work(), !several_processors());
}

TEST(SleepPolicy, looks_less_and_less_until_it_pays_again) {
  if (!several_processors()) GTEST_SKIP() << "always off on one processor";
  Turns turns(SleepPolicy::pacing);
  for (const int expected : {1, 2, 3, 5, 9, 17, 33, 65, 129, 257, 257, 257}) {
    EXPECT_EQ(turns.occasions_until_it_looks_again(), expected);
    turns.look_until_the_limit_is_over();
  }
  EXPECT_EQ(turns.occasions_until_it_looks_again(), 257);
  EXPECT_FALSE(turns.sleep_after_work()) << "it has paid";
  turns.look_until_the_limit_is_over();
  EXPECT_EQ(turns.occasions_until_it_looks_again(), 2);
}

class SpinningLoop : public EveryLoop {};

TEST_P(SpinningLoop, answers_without_having_slept) {
  if (!several_processors()) GTEST_SKIP() << "always off on one processor";
  IOLoop::Options options;
  options.poller = GetParam();
  options.make_current = false;
  options.spin = 1h;
  IOLoop spinning(options);
  std::atomic<int> heard{0};
  Thread other([&] {
    for (int i = 0; i < 100; ++i) {
      spinning.add_callback([&] { ++heard; });
      while (heard == i) std::this_thread::yield();
    }
    spinning.stop();
  });
  spinning.add_callback([] {});
  spinning.start();
  EXPECT_EQ(heard, 100);
  EXPECT_EQ(spinning.counters().waker.written, 0u);
  EXPECT_EQ(spinning.counters().asleep, 0ns);
}

TEST_P(SpinningLoop, keeps_its_timeouts_and_descriptors) {
  IOLoop::Options options;
  options.poller = GetParam();
  options.make_current = false;
  options.spin = 1h;
  IOLoop spinning(options);
  const FdPair pipe = make_pipe();
  spinning.add_handler(
      pipe.first.get(), [&](NativeFd, Events) { spinning.stop(); }, Events::read);
  spinning.call_later(2ms, [&] { put_byte(pipe.second); });
  spinning.start();
  EXPECT_EQ(spinning.counters().timeouts, 1u);
  EXPECT_EQ(spinning.counters().events, 1u);
}

TORNADO_ON_EVERY_POLLER(SpinningLoop);

}  // namespace
}  // namespace tornado::test
