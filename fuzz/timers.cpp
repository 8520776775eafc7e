// SPDX-License-Identifier: Apache-2.0
// The timer queue beside an ordered map, by deadline and order of adding.
#include <algorithm>
#include <map>

#include "fuzz/check.h"
#include "fuzz/input.h"
#include "loop/timer_queue.h"

namespace tornado::fuzz {
namespace {

using std::chrono::nanoseconds;

constexpr TimePoint end_of_time{nanoseconds(std::int64_t{1} << 62)};

class Beside {
 public:
  explicit Beside(Input& input) : input_(input), now_(nanoseconds(input.number(6))) {}

  void step() {
    switch (input_.below(8)) {
      case 0:
      case 1:
      case 2:
        return add(deadline());
      case 3:
        return take();
      case 4:
        return move();
      case 5:
        return look();
      default:
        return advance(now_ + span());
    }
  }

  void finish() {
    while (!model_.empty() && model_.begin()->first.first < end_of_time) {
      advance(model_.begin()->first.first);
    }
    FUZZ_CHECK(queue_.clear().size() == model_.size());
    FUZZ_CHECK(queue_.size() == 0);
  }

 private:
  using Key = std::pair<TimePoint, std::uint64_t>;
  struct Timer {
    TimerQueue::Id id;
    std::uint64_t number;
  };
  using Timers = std::map<Key, Timer>;

  // Of every magnitude, so that every level of the wheel has its share.
  nanoseconds span() {
    const unsigned bits = input_.below(48);
    return nanoseconds(input_.number(6) & ((std::uint64_t{1} << bits) - 1));
  }
  TimePoint deadline() {
    const unsigned what = input_.below(16);
    if (what == 0) return (TimePoint::max)();
    if (what == 1) return TimePoint(-span());
    if (what < 5 && !model_.empty()) return model_.begin()->first.first;
    return now_ + span();
  }
  Timers::iterator some() {
    const auto steps =
        input_.below(static_cast<unsigned>(std::min<std::size_t>(model_.size(), 256)));
    return std::next(model_.begin(), steps);
  }

  void add(TimePoint deadline) {
    const auto number = added_++;
    const auto id = queue_.add(deadline, [number, this] { ran_ = number; }, {});
    model_.emplace(Key(deadline, number), Timer{id, number});
  }
  void take() {
    if (model_.empty()) return;
    const auto at = some();
    TimeoutCallback removed;
    if (at->second.number % 2 == 0) {
      take_out(at->second);
    } else {
      FUZZ_CHECK(queue_.remove(at->second.id, removed));
    }
    FUZZ_CHECK(!queue_.remove(at->second.id, removed));
    model_.erase(at);
  }
  void take_out(const Timer& timer) {
    auto taken = queue_.take(timer.id);
    FUZZ_CHECK(taken.callback);
    taken.callback();
    FUZZ_CHECK(ran_ == timer.number);
  }
  void move() {
    if (model_.empty()) return;
    auto moved = model_.extract(some());
    moved.key() = Key(deadline(), added_++);
    moved.mapped().id = queue_.move(moved.mapped().id, moved.key().first);
    FUZZ_CHECK(moved.mapped().id.sequence != 0);
    model_.insert(std::move(moved));
  }
  void look() {
    const TimePoint next = queue_.next_deadline();
    if (model_.empty()) return;
    FUZZ_CHECK(next <= model_.begin()->first.first);
    // A step to there must end: a timer is due, or the deadline is known more
    // precisely.
    if (next > now_ && next < end_of_time) advance(next);
  }
  void advance(TimePoint now) {
    now_ = std::min(now, end_of_time);
    std::vector<TimerQueue::Id> due;
    queue_.collect_due(now_, due);
    for (const auto id : due) {
      FUZZ_CHECK(!model_.empty());
      const auto [key, timer] = *model_.begin();
      FUZZ_CHECK(key.first <= now_);
      FUZZ_CHECK(id.slot == timer.id.slot && id.sequence == timer.id.sequence);
      model_.erase(model_.begin());
      take_out(timer);
    }
    FUZZ_CHECK(model_.empty() || model_.begin()->first.first > now_);
    FUZZ_CHECK(queue_.size() == model_.size());
  }

  Input& input_;
  TimerQueue queue_;
  Timers model_;
  std::uint64_t added_ = 0;
  std::uint64_t ran_ = 0;
  TimePoint now_;
};

}  // namespace
}  // namespace tornado::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tornado::fuzz::Input input(data, size);
  tornado::fuzz::Beside beside(input);
  while (!input.empty()) beside.step();
  beside.finish();
  return 0;
}
