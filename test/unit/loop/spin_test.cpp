// SPDX-License-Identifier: Apache-2.0
#include "loop/spin.h"

#include <atomic>
#include <thread>

#include "every_loop.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

bool several_processors() {
  return std::thread::hardware_concurrency() > 1;
}

/// Looks, with nothing to do, until the limit is over.
void fail(Spin& spin) {
  while (spin.on()) spin.looked(false);
}

/// How many times something came to do until it was on again.
int occasions(Spin& spin) {
  int count = 0;
  while (!spin.on()) {
    spin.looked(true);
    ++count;
  }
  return count;
}

TEST(Spin, without_a_limit_is_never_on) {
  Spin spin(0ns);
  spin.looked(true);
  EXPECT_FALSE(spin.on());
}

TEST(Spin, begins_when_there_was_something_to_do) {
  Spin spin(1h);
  EXPECT_FALSE(spin.on());
  spin.looked(false);
  EXPECT_FALSE(spin.on());
  spin.looked(true);
  EXPECT_EQ(spin.on(), several_processors());
  spin.looked(false);
  EXPECT_EQ(spin.on(), several_processors()) << "the limit is not over";
}

TEST(Spin, that_does_not_pay_is_tried_less_and_less_until_it_pays_again) {
  if (!several_processors()) GTEST_SKIP() << "always off on one processor";
  Spin spin(1ns);
  for (const int expected : {1, 2, 3, 5, 9, 17, 33, 65, 129, 257, 257, 257}) {
    EXPECT_EQ(occasions(spin), expected);
    fail(spin);
  }
  EXPECT_EQ(occasions(spin), 257);
  spin.looked(true);  // it has paid
  fail(spin);
  EXPECT_EQ(occasions(spin), 2);
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
