// SPDX-License-Identifier: Apache-2.0
// How long a wait lasts: never less than was asked, unless a signal comes.
#include "poller/every_poller.h"
#include "tornado/time.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

class EveryPollerTimeout : public PollerSuite {
 protected:
  /// In a thread of its own: when a ring is closed the kernel interrupts, somewhat
  /// later, the thread that had it, and other tests have had some.
  void expect_never_early() {
    Thread other([this] { expect_never_early(*poller_); });
  }

  static void expect_never_early(Poller& poller) {
    for (nanoseconds timeout :
         {nanoseconds(1), nanoseconds(999), nanoseconds(1000), nanoseconds(50us),
          nanoseconds(999'999), nanoseconds(1ms), nanoseconds(1'000'001),
          nanoseconds(2'500us), nanoseconds(20ms)}) {
      const TimePoint before = Clock::now();
      EXPECT_TRUE(poller.wait(timeout).empty());
      EXPECT_GE(Clock::now() - before, timeout) << "asked for " << timeout.count();
    }
  }

  /// Starts a wait in this thread and ends it by a byte from another.
  void expect_to_wait_for_a_byte(nanoseconds timeout) {
    poller_->add(pipe_.first.get(), Events::read, 1);
    Thread other([this] { put_byte(pipe_.second); });
    Found found;
    while (found.empty()) found = wait(timeout);
    EXPECT_EQ(found, (Found{{1, Events::read}}));
  }

  FdPair pipe_ = make_pipe();
};

TEST_P(EveryPollerTimeout, is_never_cut_short) {
  expect_never_early();
}

TEST_P(EveryPollerTimeout, is_never_cut_short_by_what_is_registered_and_not_ready) {
  poller_->add(pipe_.first.get(), Events::read, 1);
  expect_never_early();
}

TEST_P(EveryPollerTimeout, of_zero_only_looks) {
  poller_->add(pipe_.first.get(), Events::read, 1);
  EXPECT_TRUE(wait(0ns).empty());
  put_byte(pipe_.second);
  EXPECT_EQ(wait(0ns), (Found{{1, Events::read}}));
}

TEST_P(EveryPollerTimeout, negative_has_no_limit) {
  expect_to_wait_for_a_byte(-1ns);
}

TEST_P(EveryPollerTimeout, most_negative_has_no_limit) {
  expect_to_wait_for_a_byte((nanoseconds::min)());
}

TEST_P(EveryPollerTimeout, that_is_huge_is_no_error) {
  expect_to_wait_for_a_byte((nanoseconds::max)());
}

TEST_P(EveryPollerTimeout, beyond_the_milliseconds_of_an_int_is_no_error) {
  expect_to_wait_for_a_byte(24h * 365);
}

INSTANTIATE_TEST_SUITE_P(, EveryPollerTimeout, testing::ValuesIn(poller_kinds()),
                         name_of_poller);

}  // namespace
}  // namespace tornado::test
