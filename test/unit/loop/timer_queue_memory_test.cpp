// SPDX-License-Identifier: Apache-2.0
// Which nodes a queue uses again, and what it does not look at each time.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "loop/timer_queue.h"

namespace tornado::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

class TimerQueueMemory : public testing::Test {
 protected:
  using Id = TimerQueue::Id;

  static TimePoint at_ms(int ms) { return TimePoint(milliseconds(ms)); }
  Id add(TimePoint deadline) {
    return queue_.add(deadline, [] {}, {});
  }
  std::vector<Id> add_many(int count, TimePoint deadline) {
    std::vector<Id> ids;
    for (int i = 0; i < count; ++i) ids.push_back(add(deadline));
    return ids;
  }
  void take(const std::vector<Id>& ids, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) EXPECT_TRUE(queue_.take(ids[i]).callback);
  }
  void take_all(const std::vector<Id>& ids) { take(ids, 0, ids.size()); }
  std::size_t count_due(TimePoint now) {
    std::vector<Id> due;
    queue_.collect_due(now, due);
    return due.size();
  }
  static std::uint32_t highest_slot(const std::vector<Id>& ids) {
    return std::ranges::max(ids, {}, &Id::slot).slot;
  }

  TimerQueue queue_;
};

TEST_F(TimerQueueMemory, grows_no_more_when_all_are_taken_out_again_and_again) {
  for (int round = 0; round < 10; ++round) {
    const auto ids = add_many(1000, at_ms(60'000));
    EXPECT_EQ(highest_slot(ids), 999u);
    take_all(ids);
  }
}

TEST_F(TimerQueueMemory, grows_until_removed_keys_are_the_majority) {
  const auto ids = add_many(2000, at_ms(60'000));
  take(ids, 0, 1100);
  EXPECT_EQ(add(at_ms(60'000)).slot, 2000u) << "it was swept for less";
  take(ids, 1100, 1300);
  EXPECT_LT(add(at_ms(60'000)).slot, 2000u);
  EXPECT_LE(highest_slot(add_many(1200, at_ms(60'000))), 2000u);
}

TEST_F(TimerQueueMemory, of_what_was_taken_out_is_used_again_after_its_time) {
  take_all(add_many(100, at_ms(500)));
  EXPECT_EQ(count_due(at_ms(1000)), 0u);
  EXPECT_EQ(highest_slot(add_many(100, at_ms(2000))), 99u);
}

TEST_F(TimerQueueMemory, of_what_moves_stays_if_it_can) {
  Id id = add(at_ms(1000));
  for (int i = 0; i < 1000; ++i) {
    id = queue_.move(id, at_ms(1000 + i / 2));
    EXPECT_EQ(id.slot, 0u);
  }
  EXPECT_EQ(count_due(at_ms(2000)), 1u);
  for (int i = 0; i < 1000; ++i) {
    id = queue_.move(id, at_ms(1000));
    EXPECT_LE(id.slot, 1u);
  }
}

TEST_F(TimerQueueMemory,
       of_very_many_that_are_nearly_due_is_not_gone_through_for_each) {
  EXPECT_EQ(count_due(at_ms(1000)), 0u);
  const int many = 100'000;
  std::vector<Id> ids;
  for (int i = 0; i < many; ++i) ids.push_back(add(TimePoint(nanoseconds(i))));
  take(ids, 0, many / 2);
  EXPECT_EQ(queue_.next_deadline(), TimePoint(nanoseconds(many / 2)));
  EXPECT_EQ(count_due(at_ms(1000)), many / 2);
}

// Removes half of the timers, again and again, until most keys are stale.
TEST_F(TimerQueueMemory, of_what_is_nearly_due_is_swept_and_stays_in_order) {
  EXPECT_EQ(count_due(at_ms(1000)), 0u);
  const int many = 1009;
  const auto scattered = [](int i) { return TimePoint(nanoseconds(i * 389 % many)); };
  std::vector<Id> ids;
  for (int i = 0; i < many; ++i) ids.push_back(add(scattered(i)));
  for (int round = 0; round < 5; ++round) {
    for (std::size_t i = 0; i < ids.size(); i += 2) {
      take({ids[i]}, 0, 1);
      ids[i] = add(scattered(static_cast<int>(i)));
    }
  }
  std::vector<Id> due;
  for (int now = 0; now < many; ++now) {
    due.clear();
    queue_.collect_due(TimePoint(nanoseconds(now)), due);
    ASSERT_EQ(due.size(), 1u) << now;
  }
}

TEST_F(TimerQueueMemory, of_a_crowd_with_one_time_is_not_gone_through_for_it) {
  take({add(at_ms(59'000))}, 0, 1);
  add_many(1000, at_ms(60'000));
  EXPECT_LT(queue_.next_deadline(), at_ms(60'000));
  EXPECT_GT(queue_.next_deadline(), at_ms(59'000));
}

TEST_F(TimerQueueMemory, of_a_crowd_in_the_last_tick_of_all_times_is_told_in_time) {
  const TimePoint last = (TimePoint::max)() - nanoseconds(1);
  EXPECT_EQ(count_due((TimePoint::max)() - milliseconds(2)), 0u);
  const auto ids = add_many(1000, last);
  take(ids, 0, 1);
  EXPECT_LE(queue_.next_deadline(), last);
  EXPECT_EQ(count_due(last), 999u);
}

TEST_F(TimerQueueMemory, of_a_crowd_that_is_far_is_not_told_to_be_due_now) {
  EXPECT_EQ(count_due(at_ms(100'000)), 0u);
  take(add_many(1000, at_ms(101'000)), 0, 1);
  EXPECT_GT(queue_.next_deadline(), at_ms(100'000));
}

TEST_F(TimerQueueMemory, of_a_crowd_that_is_gone_is_told_no_more) {
  const auto crowd = add_many(1000, at_ms(60'000));
  take(crowd, 0, 1);
  EXPECT_LT(queue_.next_deadline(), at_ms(60'000)) << "a time at which no timer is due";
  take(crowd, 1, 1000);
  add(at_ms(70'000));
  EXPECT_EQ(queue_.next_deadline(), at_ms(70'000));
}

TEST_F(TimerQueueMemory, of_the_first_is_not_told_when_it_is_gone) {
  const Id first = add(at_ms(60'000));
  add(at_ms(60'010));
  take({first}, 0, 1);
  EXPECT_EQ(queue_.next_deadline(), at_ms(60'010));
}

}  // namespace
}  // namespace tornado::test
