// SPDX-License-Identifier: Apache-2.0
#include "loop/timer_queue.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace tornado {
namespace {

constexpr int bucket_look = 64;

}  // namespace

TimerQueue::Tick TimerQueue::tick_of(TimePoint deadline) noexcept {
  const auto ns = std::max<std::int64_t>(deadline.time_since_epoch().count(), 0);
  return static_cast<Tick>(ns) >> tick_bits;
}

TimePoint TimerQueue::time_of(Tick tick) noexcept {
  constexpr Tick last =
      static_cast<Tick>((TimePoint::max)().time_since_epoch().count()) >> tick_bits;
  if (tick > last) return (TimePoint::max)();
  return TimePoint(
      std::chrono::nanoseconds(static_cast<std::int64_t>(tick << tick_bits)));
}

TimerQueue::Id TimerQueue::add(TimePoint deadline, Callback&& callback,
                               const std::source_location& where) {
  if (free_ == none) make_slot();
  const std::uint32_t slot = free_;
  Node& fresh = node(slot);
  this->callback(slot).callback = std::move(callback);
  this->callback(slot).where = where;
  plain(slot) =
      detail::CallableAccess::is_trivially_destroyed(this->callback(slot).callback);
  free_ = fresh.link;
  if (free_ != none) prefetch_line(&this->callback(free_));  // the next add's
  fresh.deadline = deadline;
  fresh.sequence = next_sequence();
  ++live_;
  place(slot);
  return {slot, fresh.sequence};
}

TimeoutCallback TimerQueue::take(Id id) noexcept {
  if (!find(id)) return {};
  TimeoutCallback taken = std::move(callback(id.slot));
  retire(id.slot);
  return taken;
}

// Most callables are plain, and what is not read costs nothing: of a million timeouts
// that are removed, the callables are most of the memory.
bool TimerQueue::remove(Id id, TimeoutCallback& removed) noexcept {
  if (!find(id)) return false;
  if (!plain(id.slot)) removed = std::move(callback(id.slot));
  retire(id.slot);
  return true;
}

TimerQueue::Id TimerQueue::move(Id id, TimePoint deadline) {
  Node* found = find(id);
  if (!found) return {};
  if (!in_wheel(*found) || deadline < found->deadline) {
    if (free_ == none) make_slot();  // may throw: before anything has changed
    TimeoutCallback taken = take(id);
    return add(deadline, std::move(taken.callback), taken.where);
  }
  // Later than its bucket, which comes first and passes it on.
  if (found->deadline == next_in_wheel_) next_known_ = false;
  found->deadline = deadline;
  found->sequence = next_sequence();
  return {id.slot, found->sequence};
}

// Bucket by bucket, so that the heap stays small, and what it reads in the cache.
void TimerQueue::collect_due(TimePoint now, std::vector<Id>& due) {
  do {
    collect_from_heap(now, due);
  } while (advance(tick_of(now)));
}

void TimerQueue::collect_from_heap(TimePoint now, std::vector<Id>& due) {
  while (!heap_.empty() && heap_.front().deadline <= now) {
    const Key first = heap_.front();
    if (!stale(first)) due.push_back({first.slot, first.sequence});
    pop_key();
  }
}

TimePoint TimerQueue::next_deadline() {
  if (live_ == 0) return (TimePoint::max)();  // empty nodes need no wake
  drop_stale_front();
  if (!heap_.empty()) return heap_.front().deadline;
  if (!next_known_) {
    Bucket bucket{};
    next_in_wheel_ = first_bucket(bucket) ? look_into(bucket) : (TimePoint::max)();
    next_known_ = true;
  }
  return next_in_wheel_;
}

TimerQueue TimerQueue::clear() noexcept {
  return std::exchange(*this, TimerQueue());
}

// Nodes.

TimerQueue::Node* TimerQueue::find(Id id) noexcept {
  if (id.slot >= slots_ || id.sequence == 0) return nullptr;
  Node& found = node(id.slot);
  return found.sequence == id.sequence ? &found : nullptr;
}

void TimerQueue::retire(std::uint32_t slot) noexcept {
  Node& left = node(slot);
  --live_;
  if (in_wheel(left)) {
    leave_in_wheel(left);
  } else {
    release(slot);
  }
}

void TimerQueue::make_slot() {
  const std::size_t empty = slots_ - live_;  // in the wheel, as none is free
  if (live_ == 0 && empty > spare) {
    begin_anew();
  } else if (empty > slots_ / 2 + spare) {
    return sweep_wheel();
  }
  if (slots_ == pages_.size() * page_size) add_page();
  release(slots_++);
}

// Keeps the pages. The wheel holds no timer, so none need be found there.
void TimerQueue::begin_anew() noexcept {
  wheel_.fill(Level());
  slots_ = 0;
  next_known_ = false;
}

void TimerQueue::add_page() {
  // One for every node, and as many stale ones: more of them are swept.
  const std::size_t keys = 2 * (std::size_t{slots_} + page_size);
  if (heap_.capacity() < keys) heap_.reserve(2 * keys);
  pages_.push_back(std::make_unique<Page>());
}

std::uint32_t TimerQueue::next_sequence() noexcept {
  if (++last_sequence_ == 0) ++last_sequence_;
  return last_sequence_;
}

void TimerQueue::release(std::uint32_t slot) noexcept {
  Node& freed = node(slot);
  freed.sequence = 0;
  freed.link = std::exchange(free_, slot);
}

void TimerQueue::place(std::uint32_t slot) noexcept {
  Node& placed = node(slot);
  const Tick tick = tick_of(placed.deadline);
  if (tick > elapsed_) {
    place_in_wheel(slot, tick);
  } else {
    if (heap_.size() >= 2 * std::size_t{slots_}) sweep_heap();
    heap_.push_back({placed.deadline, placed.sequence, slot});
    std::ranges::push_heap(heap_, Key::later);
  }
}

// The wheel.

void TimerQueue::Level::insert(std::size_t bucket, std::uint32_t slot,
                               std::uint32_t& link) noexcept {
  link = std::exchange(heads[bucket], slot);
  occupied[bucket / 64] |= std::uint64_t{1} << bucket % 64;
}

std::size_t TimerQueue::Level::first() const noexcept {
  for (std::size_t word = 0; word < occupied.size(); ++word) {
    if (occupied[word] == 0) continue;
    return word * 64 + static_cast<std::size_t>(std::countr_zero(occupied[word]));
  }
  return buckets;
}

std::uint32_t TimerQueue::Level::take(std::size_t bucket) noexcept {
  occupied[bucket / 64] &= ~(std::uint64_t{1} << bucket % 64);
  return std::exchange(heads[bucket], none);
}

void TimerQueue::place_in_wheel(std::uint32_t slot, Tick tick) noexcept {
  Node& placed = node(slot);
  // By the highest digit in which it differs from the elapsed time.
  const auto level =
      static_cast<unsigned>(std::bit_width(tick ^ elapsed_) - 1) / digit_bits;
  const std::size_t bucket = tick >> level * digit_bits & (buckets - 1);
  wheel_[level].insert(bucket, slot, placed.link);
  next_in_wheel_ = std::min(next_in_wheel_, placed.deadline);
}

bool TimerQueue::first_bucket(Bucket& bucket) const noexcept {
  for (unsigned level = 0; level < levels; ++level) {
    const std::size_t index = wheel_[level].first();
    if (index == buckets) continue;
    const unsigned shift = level * digit_bits;
    const Tick above = elapsed_ >> (shift + digit_bits) << (shift + digit_bits);
    const Tick begin = above | static_cast<Tick>(index) << shift;
    bucket = {level, index, begin, begin + (Tick{1} << shift)};
    return true;
  }
  return false;
}

// The earliest deadline in it, but no later than its end. At its end the bucket passes
// on timers that were moved to a later time.
TimePoint TimerQueue::look_into(const Bucket& bucket) const noexcept {
  TimePoint earliest = time_of(bucket.end);
  std::uint32_t slot = wheel_[bucket.level].heads[bucket.index];
  for (int seen = 0; slot != none; slot = node(slot).link, ++seen) {
    if (seen == bucket_look) return time_of(bucket.begin);
    if (node(slot).sequence != 0) earliest = std::min(earliest, node(slot).deadline);
  }
  return earliest;
}

// Goes on to the next bucket that has begun by now. False if there is none.
bool TimerQueue::advance(Tick now) noexcept {
  Bucket bucket{};
  if (!first_bucket(bucket) || bucket.begin > now) {
    elapsed_ = std::max(elapsed_, now);
    return false;
  }
  elapsed_ = bucket.begin;
  next_known_ = false;
  std::uint32_t slot = wheel_[bucket.level].take(bucket.index);
  while (slot != none) {
    const std::uint32_t next = node(slot).link;
    if (node(slot).sequence != 0) {
      place(slot);
    } else {
      release(slot);
    }
    slot = next;
  }
  return true;
}

void TimerQueue::leave_in_wheel(Node& left) noexcept {
  if (left.deadline == next_in_wheel_) next_known_ = false;
  left.sequence = 0;
}

// Rebuilds the lists in the order of memory.
void TimerQueue::sweep_wheel() noexcept {
  wheel_.fill(Level());
  next_known_ = false;
  for (std::uint32_t slot = slots_; slot-- > 0;) {
    const Node& seen = node(slot);
    if (seen.sequence == 0) {
      release(slot);
    } else if (in_wheel(seen)) {
      place_in_wheel(slot, tick_of(seen.deadline));
    }
  }
}

// The heap.

void TimerQueue::pop_key() noexcept {
  std::ranges::pop_heap(heap_, Key::later);
  heap_.pop_back();
}

void TimerQueue::drop_stale_front() noexcept {
  while (!heap_.empty() && stale(heap_.front())) pop_key();
}

void TimerQueue::sweep_heap() noexcept {
  std::erase_if(heap_, [this](const Key& key) { return stale(key); });
  std::ranges::make_heap(heap_, Key::later);
}

}  // namespace tornado
