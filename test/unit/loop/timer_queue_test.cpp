// SPDX-License-Identifier: Apache-2.0
#include "loop/timer_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "support/scale.h"

namespace tornado::test {
namespace {

using std::chrono::nanoseconds;

/// The queue beside a map of what it must hold, by deadline and order of adding.
class TimerQueueModel {
 public:
  explicit TimerQueueModel(std::uint64_t seed) : random_(seed), now_(first_time()) {}

  void step() {
    if (random_.one_in(500)) return remove_all();
    switch (random_.below(9)) {
      case 0:
      case 1:
      case 2:
        return add(some_deadline());
      case 3:
      case 4:
        return take();
      case 5:
        return move();
      case 6:
        return look();
      default:
        return advance();
    }
  }

  void finish() {
    while (!model_.empty() && model_.begin()->first.first < end_of_time) {
      now_ = model_.begin()->first.first;
      fire();
    }
    EXPECT_EQ(queue_.clear().size(), model_.size());
    EXPECT_EQ(queue_.size(), 0u);
    EXPECT_EQ(owned_, 0u);
  }

 private:
  using Key = std::pair<TimePoint, std::uint64_t>;
  static constexpr TimePoint end_of_time{nanoseconds(std::int64_t{1} << 62)};

  TimePoint first_time() {
    return TimePoint(nanoseconds(random_.one_in(4) ? 0 : random_.below(1ull << 50)));
  }
  // Of every magnitude, so that every level of the wheel has its share.
  nanoseconds some_span() {
    return nanoseconds(random_.below(1ull << random_.below(45)));
  }
  TimePoint some_deadline() {
    if (random_.one_in(97)) return (TimePoint::max)();
    if (random_.one_in(50)) return TimePoint(-some_span());
    if (random_.one_in(8) && !model_.empty()) return model_.begin()->first.first;
    return now_ + some_span();
  }

  void add(TimePoint deadline) {
    const auto number = added_++;
    const auto id = random_.one_in(2) ? queue_.add(deadline, plain(number), {})
                                      : queue_.add(deadline, owning(number), {});
    model_.emplace(Key(deadline, number), std::pair(id, number));
  }
  Callback plain(std::uint64_t number) {
    return [number, this] { ran_ = number; };
  }
  Callback owning(std::uint64_t number) {
    ++owned_;
    std::shared_ptr<void> owned(nullptr, [this](void*) { --owned_; });
    return [number, this, owned] { ran_ = number; };
  }
  auto some_entry() {
    auto at = model_.lower_bound(Key(some_deadline(), 0));
    return at == model_.end() ? model_.begin() : at;
  }
  void take() {
    if (model_.empty()) return;
    const auto at = some_entry();
    if (random_.one_in(2)) {
      EXPECT_TRUE(queue_.take(at->second.first).callback);
      EXPECT_FALSE(queue_.take(at->second.first).callback);
    } else {
      remove(at->second.first);
    }
    model_.erase(at);
  }
  void remove(TimerQueue::Id id) {
    TimeoutCallback removed;
    EXPECT_TRUE(queue_.remove(id, removed));
    EXPECT_FALSE(queue_.remove(id, removed));
  }
  void remove_all() {
    for (const auto& [key, entry] : model_) remove(entry.first);
    model_.clear();
    EXPECT_EQ(queue_.size(), 0u);
    EXPECT_EQ(queue_.next_deadline(), (TimePoint::max)());
    EXPECT_EQ(owned_, 0u);
  }
  void move() {
    if (model_.empty()) return;
    const auto at = some_entry();
    const TimePoint deadline = some_deadline();
    const auto id = queue_.move(at->second.first, deadline);
    ASSERT_NE(id.sequence, 0u);
    const auto callable = at->second.second;
    model_.erase(at);
    model_.emplace(Key(deadline, added_++), std::pair(id, callable));
  }
  void look() {
    const TimePoint next = queue_.next_deadline();
    if (!model_.empty()) {
      EXPECT_LE(next, model_.begin()->first.first);
    }
    // A step to there must end: a timer is due, or the deadline is known more
    // precisely.
    if (next > now_ && next < end_of_time) {
      now_ = next;
      fire();
    }
  }
  void advance() {
    now_ += random_.one_in(2) ? some_span() : nanoseconds(random_.below(3'000'000));
    now_ = std::min(now_, end_of_time);
    fire();
  }
  void fire() {
    std::vector<TimerQueue::Id> due;
    queue_.collect_due(now_, due);
    for (const auto id : due) {
      ASSERT_FALSE(model_.empty());
      const auto first = model_.begin();
      ASSERT_LE(first->first.first, now_) << "early";
      auto taken = queue_.take(id);
      ASSERT_TRUE(taken.callback);
      taken.callback();
      ASSERT_EQ(ran_, first->second.second) << "out of order";
      model_.erase(first);
    }
    EXPECT_TRUE(model_.empty() || model_.begin()->first.first > now_) << "late";
    EXPECT_GE(queue_.next_deadline(), now_) << "a loop would look again and again";
    EXPECT_EQ(queue_.size(), model_.size());
  }

  Random random_;
  TimerQueue queue_;
  std::map<Key, std::pair<TimerQueue::Id, std::uint64_t>> model_;
  std::uint64_t added_ = 0;
  std::uint64_t ran_ = 0;
  std::uint64_t owned_ = 0;  // callables with something to destroy, that live
  TimePoint now_;
};

TEST(TimerQueue, does_what_an_ordered_map_does) {
  const std::uint64_t seed = test_seed();
  const std::uint64_t rounds = scaled(100);
  for (std::uint64_t round = 0; round < rounds && !testing::Test::HasFailure();
       ++round) {
    SCOPED_TRACE(round);
    TimerQueueModel model(seed + round);
    for (int i = 0; i < 2000 && !testing::Test::HasFailure(); ++i) model.step();
    model.finish();
  }
}

TEST(TimerQueue, ignores_ids_that_it_did_not_give) {
  TimerQueue queue;
  EXPECT_FALSE(queue.take({}).callback);
  EXPECT_FALSE(queue.take({5, 1}).callback);
  EXPECT_FALSE(queue.take({0, 1}).callback);
  TimeoutCallback removed;
  EXPECT_FALSE(queue.remove({5, 1}, removed));
  const auto id = queue.add(TimePoint(), [] {}, {});
  EXPECT_FALSE(queue.take({id.slot, id.sequence + 1}).callback);
  EXPECT_EQ(queue.move({id.slot, 0}, TimePoint()).sequence, 0u);
  EXPECT_TRUE(queue.take(id).callback);
  for (const std::uint32_t sequence : {0u, 1u, id.sequence}) {
    EXPECT_FALSE(queue.remove({id.slot, sequence}, removed));
  }
}

TEST(TimerQueue, keeps_the_place_where_a_timeout_was_added) {
  TimerQueue queue;
  const auto place = std::source_location::current();
  for (const int later : {0, 1, 10'000}) {
    const auto id = queue.add(
        TimePoint(nanoseconds(later)), [] {}, place);
    const auto moved = queue.move(id, TimePoint(nanoseconds(1)));
    EXPECT_EQ(queue.take(moved).where.line(), place.line());
  }
}

TEST(TimerQueue, gives_back_of_what_is_removed_only_what_must_be_destroyed) {
  TimerQueue queue;
  const auto alive = std::make_shared<int>();
  TimeoutCallback removed;
  EXPECT_TRUE(queue.remove(queue.add(TimePoint(), [] {}, {}), removed));
  EXPECT_FALSE(removed.callback);
  EXPECT_TRUE(queue.remove(queue.add(TimePoint(), [alive] {}, {}), removed));
  EXPECT_TRUE(removed.callback);
  EXPECT_EQ(alive.use_count(), 2);
}

TEST(TimerQueue, moves_what_it_has_found_due) {
  TimerQueue queue;
  const auto id = queue.add(TimePoint(nanoseconds(1)), [] {}, {});
  std::vector<TimerQueue::Id> due;
  queue.collect_due(TimePoint(nanoseconds(1)), due);
  ASSERT_EQ(due.size(), 1u);
  const auto moved = queue.move(id, TimePoint(nanoseconds(5)));
  EXPECT_NE(moved.sequence, 0u);
  EXPECT_FALSE(queue.take(due[0]).callback);
  EXPECT_EQ(queue.next_deadline(), TimePoint(nanoseconds(5)));
  EXPECT_TRUE(queue.take(moved).callback);
}

TEST(TimerQueue, has_no_deadline_when_it_is_empty) {
  TimerQueue queue;
  EXPECT_EQ(queue.next_deadline(), (TimePoint::max)());
  const auto id = queue.add(TimePoint(nanoseconds(5)), [] {}, {});
  EXPECT_EQ(queue.next_deadline(), TimePoint(nanoseconds(5)));
  (void)queue.take(id);
  EXPECT_EQ(queue.next_deadline(), (TimePoint::max)());
}

TEST(TimerQueue, finds_timeouts_that_stayed_behind_a_moved_one) {
  TimerQueue queue;
  const auto at = [](int seconds) { return TimePoint(std::chrono::seconds(seconds)); };
  const auto moved = queue.add(at(10), [] {}, {});
  queue.add(at(20), [] {}, {});
  ASSERT_NE(queue.move(moved, at(30)).sequence, 0u);
  EXPECT_LE(queue.next_deadline(), at(20));
  std::vector<TimerQueue::Id> due;
  queue.collect_due(at(20), due);
  EXPECT_EQ(due.size(), 1u);
}

TimePoint at_ms(int count) {
  return TimePoint(std::chrono::milliseconds(count));
}

TEST(TimerQueue, knows_the_next_deadline_again_when_the_first_has_moved_or_gone) {
  TimerQueue queue;
  const auto first = queue.add(at_ms(10'000), [] {}, {});
  queue.add(at_ms(20'000), [] {}, {});
  EXPECT_EQ(queue.next_deadline(), at_ms(10'000));
  const auto moved = queue.move(first, at_ms(10'100));  // within its bucket
  EXPECT_EQ(queue.next_deadline(), at_ms(10'100));
  (void)queue.take(moved);
  (void)queue.move(queue.add(at_ms(10'000), [] {}, {}), at_ms(5'000));
  EXPECT_EQ(queue.next_deadline(), at_ms(5'000));
}

TEST(TimerQueue, has_no_deadline_in_the_past_when_empty_buckets_were_swept) {
  TimerQueue queue;
  std::vector<TimerQueue::Id> due;
  const auto collect_at = [&](int ms) { queue.collect_due(at_ms(ms), due); };
  collect_at(1'000);
  const auto moved = queue.move(queue.add(at_ms(1'050), [] {}, {}), at_ms(60'000));
  EXPECT_LE(queue.next_deadline(), at_ms(1'052)) << "the bucket's end";
  EXPECT_TRUE(queue.take(moved).callback);
  queue.add(at_ms(90'000), [] {}, {});
  // So many empty nodes that the next add sweeps them, with the bucket of the first.
  std::vector<TimerQueue::Id> far;
  for (int i = 0; i < 2'000; ++i) far.push_back(queue.add(at_ms(70'000), [] {}, {}));
  for (const auto id : far) (void)queue.take(id);
  queue.add(at_ms(80'000), [] {}, {});
  collect_at(1'100);
  EXPECT_TRUE(due.empty());
  EXPECT_GT(queue.next_deadline(), at_ms(1'100));
}

TEST(TimerQueue, knows_of_no_deadline_after_the_last_that_was_found_due) {
  TimerQueue queue;
  const auto only = queue.add(at_ms(10'000), [] {}, {});
  std::vector<TimerQueue::Id> due;
  queue.collect_due(at_ms(10'000), due);
  EXPECT_EQ(due.size(), 1u);
  EXPECT_EQ(queue.next_deadline(), (TimePoint::max)());
  EXPECT_TRUE(queue.take(only).callback);
}

TEST(TimerQueue, finds_what_is_nearly_due_once_though_much_behind_it_was_removed) {
  TimerQueue queue;
  std::vector<TimerQueue::Id> due;
  queue.collect_due(at_ms(1'000), due);
  const auto near = queue.add(at_ms(500), [] {}, {});
  std::vector<TimerQueue::Id> far;
  for (int i = 0; i < 2'000; ++i) far.push_back(queue.add(at_ms(60'000), [] {}, {}));
  for (const auto id : far) (void)queue.take(id);
  queue.add(at_ms(70'000), [] {}, {});
  EXPECT_EQ(queue.next_deadline(), at_ms(500));
  queue.collect_due(at_ms(65'000), due);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].sequence, near.sequence);
  EXPECT_TRUE(queue.take(near).callback);
  EXPECT_EQ(queue.size(), 1u);
}

TEST(TimerQueue, uses_again_what_was_taken_out_before_its_bucket_came) {
  TimerQueue queue;
  std::vector<TimerQueue::Id> kept;
  const auto due_in = [&](int ms) {
    std::vector<TimerQueue::Id> due;
    queue.collect_due(at_ms(ms), due);
    return due.size();
  };
  for (int round = 1; round <= 3; ++round) {
    kept.push_back(queue.add(at_ms(1000 * round), [] {}, {}));
    for (int i = 0; i < 2000; ++i) {
      (void)queue.take(queue.add(at_ms(60'000 + i), [] {}, {}));
    }
    // More than were ever there at once.
    for (int i = 0; i < 1000; ++i) kept.push_back(queue.add(at_ms(5'000), [] {}, {}));
  }
  EXPECT_EQ(queue.size(), kept.size());
  EXPECT_EQ(due_in(3'000), 3u);
  EXPECT_EQ(due_in(5'000), 3'000u);
  for (const auto id : kept) EXPECT_TRUE(queue.take(id).callback);
}

TEST(TimerQueue, keeps_the_order_when_many_that_are_nearly_due_are_taken_out) {
  TimerQueue queue;
  std::vector<TimerQueue::Id> due;
  queue.collect_due(at_ms(1'000), due);
  const auto second = queue.add(TimePoint(nanoseconds(2)), [] {}, {});
  const auto first = queue.add(TimePoint(nanoseconds(1)), [] {}, {});
  for (int i = 0; i < 2'000; ++i) {
    (void)queue.take(queue.add(TimePoint(nanoseconds(3 - i % 4)), [] {}, {}));
  }
  EXPECT_EQ(queue.next_deadline(), TimePoint(nanoseconds(1)));
  queue.collect_due(at_ms(1'000), due);
  ASSERT_EQ(due.size(), 2u);
  EXPECT_EQ(due[0].sequence, first.sequence);
  EXPECT_EQ(due[1].sequence, second.sequence);
}

}  // namespace
}  // namespace tornado::test
