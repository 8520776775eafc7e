// SPDX-License-Identifier: Apache-2.0
// What every waker does, whatever it is made of.
#include <array>
#include <atomic>
#include <cerrno>
#include <vector>

#include "platform/every_waker.h"
#include "platform/loop_waker.h"
#include "support/open_numbers.h"
#include "support/scale.h"

namespace tornado::test {
namespace {

class EveryWaker : public WakerSuite {
 protected:
  LoopWaker waker_{kind()};
};

TEST_P(EveryWaker, tells_its_kind_and_its_descriptors) {
  EXPECT_EQ(waker_.kind(), GetParam());
  EXPECT_TRUE(open_numbers().contains(waker_.fileno()));
  EXPECT_TRUE(open_numbers().contains(waker_.write_fileno()));
  EXPECT_EQ(waker_.fileno() == waker_.write_fileno(), is_one_descriptor(kind()));
}

TEST_P(EveryWaker, is_silent_until_it_is_woken) {
  EXPECT_FALSE(is_readable(waker_.fileno()));
  EXPECT_TRUE(waker_.consume());
  EXPECT_FALSE(is_readable(waker_.fileno()));
}

TEST_P(EveryWaker, is_readable_after_a_wake_and_not_after_consume) {
  waker_.wake();
  EXPECT_TRUE(is_readable(waker_.fileno()));
  EXPECT_TRUE(is_readable(waker_.fileno())) << "looking takes nothing away";
  EXPECT_TRUE(waker_.consume());
  EXPECT_FALSE(is_readable(waker_.fileno()));
}

TEST_P(EveryWaker, consume_clears_any_number_of_wakes) {
  for (int wakes : {1, 2, 1000}) {
    for (int i = 0; i < wakes; ++i) waker_.wake();
    EXPECT_TRUE(is_readable(waker_.fileno()));
    EXPECT_TRUE(waker_.consume());
    EXPECT_FALSE(is_readable(waker_.fileno()));
  }
}

TEST_P(EveryWaker, writes_once_for_any_number_of_wakes) {
  for (int i = 0; i < 1000; ++i) waker_.wake();
  EXPECT_EQ(waker_.counters().written, 1u);
  EXPECT_EQ(waker_.counters().coalesced, 999u);
  EXPECT_EQ(waker_.counters().rebuilt, 0u);
}

TEST_P(EveryWaker, writes_again_after_each_consume) {
  for (std::uint64_t round = 1; round <= 100; ++round) {
    waker_.wake();
    EXPECT_EQ(waker_.counters().written, round);
    EXPECT_TRUE(waker_.consume());
  }
}

TEST_P(EveryWaker, takes_writes_from_outside_as_wakes) {
  if (!is_made_of_bytes(kind())) GTEST_SKIP() << "nothing can be written to it";
  for (int i = 0; i < 3; ++i) write_from_outside(waker_);
  EXPECT_TRUE(is_readable(waker_.fileno()));
  EXPECT_TRUE(waker_.consume());
  EXPECT_FALSE(is_readable(waker_.fileno()));
}

TEST_P(EveryWaker, takes_one_byte_from_outside_as_a_wake_of_a_sleeper) {
  if (!takes_single_bytes(kind())) GTEST_SKIP() << "it takes no single byte";
  for (int round = 0; round < 3; ++round) {
    Thread other([this] { write_byte_from_outside(waker_); });
    EXPECT_TRUE(becomes_readable(waker_.fileno()));
    other.join();
    EXPECT_TRUE(waker_.consume());
    EXPECT_FALSE(is_readable(waker_.fileno()));
  }
  expect_to_work(waker_);
}

TEST_P(EveryWaker, counts_a_full_buffer_as_success) {
  if (!is_made_of_bytes(kind())) GTEST_SKIP() << "nothing can be written to it";
  fill_from_outside(waker_);
  errno = ENOTTY;
  waker_.wake();
  EXPECT_EQ(errno, ENOTTY);
  EXPECT_TRUE(is_readable(waker_.fileno()));
  EXPECT_TRUE(waker_.consume());
  EXPECT_FALSE(is_readable(waker_.fileno()));
  expect_to_work(waker_);
}

TEST_P(EveryWaker, keeps_errno) {
  errno = ENOTTY;
  waker_.wake();
  waker_.wake();
  EXPECT_EQ(errno, ENOTTY);
  (void)waker_.consume();
  (void)waker_.consume();
  EXPECT_EQ(errno, ENOTTY);
  waker_.close();
  waker_.wake();
  EXPECT_EQ(errno, ENOTTY);
}

TEST_P(EveryWaker, makes_no_system_call_while_disarmed) {
  waker_.disarm();
  for (int i = 0; i < 100; ++i) waker_.wake();
  EXPECT_FALSE(is_readable(waker_.fileno()));
  EXPECT_EQ(waker_.counters().written, 0u);
  EXPECT_EQ(waker_.counters().coalesced, 100u);
}

TEST_P(EveryWaker, arm_tells_of_a_wake_that_came_while_it_was_disarmed) {
  waker_.disarm();
  waker_.wake();
  EXPECT_FALSE(waker_.arm());
  waker_.disarm();
  EXPECT_TRUE(waker_.arm()) << "nothing came since";
  waker_.wake();
  EXPECT_TRUE(is_readable(waker_.fileno()));
}

TEST_P(EveryWaker, arm_of_an_armed_one_changes_nothing) {
  EXPECT_TRUE(waker_.arm());
  EXPECT_TRUE(waker_.arm());
  expect_to_work(waker_);
}

TEST_P(EveryWaker, arm_tells_of_a_wake_that_was_written_already) {
  waker_.wake();
  EXPECT_FALSE(waker_.arm());
}

TEST_P(EveryWaker, disarm_and_arm_leave_what_was_written) {
  waker_.wake();
  waker_.disarm();
  EXPECT_TRUE(waker_.arm());
  EXPECT_TRUE(is_readable(waker_.fileno()));
  EXPECT_TRUE(waker_.consume());
  EXPECT_FALSE(is_readable(waker_.fileno()));
}

TEST_P(EveryWaker, consume_leaves_it_armed) {
  waker_.disarm();
  EXPECT_TRUE(waker_.consume());
  waker_.wake();
  EXPECT_TRUE(is_readable(waker_.fileno()));
}

TEST_P(EveryWaker, answer_reads_and_leaves_it_disarmed) {
  waker_.wake();
  EXPECT_TRUE(waker_.drain_and_disarm());
  EXPECT_FALSE(is_readable(waker_.fileno()));
  waker_.wake();
  EXPECT_FALSE(is_readable(waker_.fileno()));
  EXPECT_EQ(waker_.counters().written, 1u);
  EXPECT_FALSE(waker_.arm()) << "it was woken";
  EXPECT_TRUE(waker_.drain_and_disarm());
  EXPECT_TRUE(waker_.arm()) << "nothing came since";
}

TEST_P(EveryWaker, is_woken_by_any_thread) {
  constexpr int threads = 8;
  std::vector<Thread> wakers;
  for (int i = 0; i < threads; ++i) wakers.emplace_back([this] { waker_.wake(); });
  EXPECT_TRUE(becomes_readable(waker_.fileno()));
  wakers.clear();
  EXPECT_TRUE(waker_.consume());
  EXPECT_FALSE(is_readable(waker_.fileno()));
  const WakerCounters counters = waker_.counters();
  EXPECT_EQ(counters.written + counters.coalesced, threads);
}

// The data are plain, so that a race detector sees a missing order.
TEST_P(EveryWaker, shows_what_was_done_before_a_wake_even_a_coalesced_one) {
  constexpr int threads = 4;
  for (std::uint64_t round = 1; round <= scaled(500); ++round) {
    std::array<std::uint64_t, threads> data{};
    std::atomic<int> woken{0};
    std::vector<Thread> wakers;
    for (std::uint64_t& mine : data) {
      wakers.emplace_back([&mine, &woken, round, this] {
        mine = round;
        waker_.wake();
        woken.fetch_add(1, std::memory_order_relaxed);
      });
    }
    while (woken.load(std::memory_order_relaxed) < threads) std::this_thread::yield();
    EXPECT_TRUE(waker_.consume());
    for (std::uint64_t each : data) EXPECT_EQ(each, round);
  }
}

TEST_P(EveryWaker, can_be_closed_twice_and_woken_after) {
  const std::set<NativeFd> open = open_numbers();
  const NativeFd reader = waker_.fileno();
  const NativeFd writer = waker_.write_fileno();
  waker_.close();
  waker_.close();
  EXPECT_EQ(waker_.fileno(), invalid_fd);
  EXPECT_EQ(waker_.write_fileno(), invalid_fd);
  EXPECT_FALSE(open_numbers().contains(reader));
  EXPECT_FALSE(open_numbers().contains(writer));
  EXPECT_EQ(open_numbers().size(), open.size() - (reader == writer ? 1 : 2));
  for (int i = 0; i < 3; ++i) waker_.wake();
  EXPECT_EQ(waker_.counters().written, 0u);
  EXPECT_FALSE(waker_.consume()) << "there is nothing to read from";
  EXPECT_FALSE(waker_.drain_and_disarm());
  waker_.disarm();
  (void)waker_.arm();
  waker_.wake();
}

TEST_P(EveryWaker, leaves_the_next_owners_of_its_numbers_alone) {
  waker_.close();
  const FdPair first = make_socket_pair();
  waker_.wake();
  (void)waker_.consume();
  waker_.wake();
  waker_.close();
  EXPECT_FALSE(is_readable(first.first.get()));
  EXPECT_FALSE(is_readable(first.second.get()));
  EXPECT_TRUE(open_numbers().contains(first.first.get()));
}

TEST_P(EveryWaker, can_be_closed_while_it_is_woken_and_not_consumed) {
  waker_.wake();
  waker_.close();
  EXPECT_EQ(waker_.fileno(), invalid_fd);
}

INSTANTIATE_TEST_SUITE_P(, EveryWaker, testing::ValuesIn(waker_kinds()), name_of_waker);

}  // namespace
}  // namespace tornado::test
