// SPDX-License-Identifier: Apache-2.0
// wake() in signal handlers, at a high rate.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>

#include "platform/every_waker.h"
#include "platform/loop_waker.h"
#include "support/scale.h"
#include "support/signals.h"

namespace tornado::test {
namespace {

std::atomic<LoopWaker*> woken_by_signals{nullptr};
std::atomic<std::uint64_t> handled{0};

void wake_in_handler(int) {
  woken_by_signals.load()->wake();
  handled.fetch_add(1);
}

class EveryWakerInSignals : public WakerSuite {
 protected:
  void SetUp() override {
    woken_by_signals = &waker_;
    handled = 0;
  }
  LoopWaker waker_{kind()};
  SignalScope scope_{SIGUSR1, &wake_in_handler, SA_RESTART};
};

TEST_P(EveryWakerInSignals, wakes_the_thread_that_was_interrupted) {
  const std::uint64_t signals = scaled(100'000);
  for (std::uint64_t i = 0; i < signals; ++i) {
    errno = ENOTTY;
    ::raise(SIGUSR1);
    ASSERT_EQ(errno, ENOTTY);
    ASSERT_TRUE(is_readable(waker_.fileno()));
    ASSERT_TRUE(waker_.consume());
  }
  EXPECT_EQ(waker_.counters().written, signals);
}

TEST_P(EveryWakerInSignals, keeps_errno_when_there_is_no_room_for_the_write) {
  if (!is_made_of_bytes(kind())) GTEST_SKIP() << "nothing can be written to it";
  fill_from_outside(waker_);
  const std::uint64_t signals = scaled(100'000);
  for (std::uint64_t i = 0; i < signals; ++i) {
    waker_.disarm();
    ASSERT_TRUE(waker_.arm());
    errno = ENOTTY;
    ::raise(SIGUSR1);
    ASSERT_EQ(errno, ENOTTY);
  }
  EXPECT_EQ(waker_.counters().written, signals);
  EXPECT_TRUE(is_readable(waker_.fileno()));
}

/// Signals one thread as fast as it can, until so many were handled or a second is
/// over: on a busy machine a signal may take as long as a turn of the scheduler.
class Storm {
 public:
  Storm(pthread_t target, std::uint64_t signals) : target_(target), signals_(signals) {}
  [[nodiscard]] bool over() const {
    return handled >= signals_ || std::chrono::steady_clock::now() > end_;
  }

 private:
  pthread_t target_;
  std::uint64_t signals_;
  std::chrono::steady_clock::time_point end_ =
      std::chrono::steady_clock::now() + std::chrono::seconds(1);
  Thread thread_{[this] {
    while (!over()) ::pthread_kill(target_, SIGUSR1);
  }};
};

TEST_P(EveryWakerInSignals, keeps_errno_wherever_a_storm_interrupts) {
  if (is_made_of_bytes(kind())) fill_from_outside(waker_);
  std::uint64_t spoilt = 0;
  {
    const Storm storm(::pthread_self(), scaled(100'000));
    while (!storm.over()) {
      waker_.disarm();
      (void)waker_.arm();  // so that the next wake writes, and into a full one fails
      errno = ENOTTY;
      for (const auto seen = handled.load(); handled == seen && !storm.over();) {
      }
      spoilt += errno != ENOTTY;
    }
  }
  EXPECT_EQ(spoilt, 0u);
}

TEST_P(EveryWakerInSignals,
       loses_none_while_the_same_thread_wakes_sleeps_and_consumes) {
  std::uint64_t turns = 0;
  {
    const Storm storm(::pthread_self(), scaled(100'000));
    while (!storm.over()) {
      if (++turns % 4 == 0) {
        waker_.disarm();
        waker_.wake();
        EXPECT_FALSE(waker_.arm());
      }
      if (turns % 4 == 1) waker_.wake();
      EXPECT_TRUE(waker_.consume());
      const std::uint64_t seen = handled;
      while (handled == seen && !storm.over()) {
      }
      if (handled != seen) {
        ASSERT_TRUE(is_readable(waker_.fileno())) << "a wake was lost";
      }
    }
  }
  const WakerCounters counters = waker_.counters();
  EXPECT_GE(counters.written + counters.coalesced, handled.load());
  expect_to_work(waker_);
}

INSTANTIATE_TEST_SUITE_P(, EveryWakerInSignals, testing::ValuesIn(waker_kinds()),
                         name_of_waker);

}  // namespace
}  // namespace tornado::test
