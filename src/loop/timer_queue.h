// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <source_location>
#include <vector>

#include "platform/thread.h"
#include "tornado/callback.h"
#include "tornado/time.h"

namespace tornado {

/// What a timeout calls, and the place where it was added. A callable of more than four
/// pointers costs an allocation; the others cost less memory.
struct TimeoutCallback {
  UniqueFunction<void(), 32> callback;
  std::source_location where;
};

/// Timeouts in the exact order of their deadlines, equal ones in the order of adding.
///
/// Timers that are due within the current tick of about a millisecond are in a heap.
/// All others are in a hierarchical wheel (G. Varghese and T. Lauck, 1987), where
/// adding, removing and moving are a few stores, and from which each bucket reaches the
/// heap when its time comes. What is removed leaves an empty node in the wheel, or a
/// stale key in the heap, until those are the majority; so nothing but the node is
/// touched.
class TimerQueue {
 public:
  struct Id {
    std::uint32_t slot = 0;
    std::uint32_t sequence = 0;  // 0: none
  };

  /// Leaves `callback` empty. If this throws, for want of memory, nothing has changed.
  Id add(TimePoint deadline, Callback&& callback, const std::source_location& where);

  /// Takes the callable out, whether the timeout still waits or was found due. Empty if
  /// it is gone.
  [[nodiscard]] TimeoutCallback take(Id id) noexcept;

  /// As take() and destroying it. False if it is gone. What has a destructor comes back
  /// in `removed`, to run it where it may call the queue; nothing else is touched.
  bool remove(Id id, TimeoutCallback& removed) noexcept;

  /// Gives a timeout another deadline, as if it were taken and added, whether it still
  /// waits or was found due. Its new name, or none if it is gone.
  Id move(Id id, TimePoint deadline);

  /// Says that take(id) comes soon.
  void prefetch(Id id) const noexcept { prefetch_line(&callback(id.slot)); }

  /// Appends the timeouts whose deadline is not after `now`, in order. They stay to be
  /// taken.
  void collect_due(TimePoint now, std::vector<Id>& due);

  /// Not after the earliest deadline, and rarely before it: where a bucket holds too
  /// many to look at each time, its beginning. TimePoint::max() if there is none.
  [[nodiscard]] TimePoint next_deadline();

  [[nodiscard]] std::size_t size() const noexcept { return live_; }

  /// Takes all out, to be destroyed by the caller.
  [[nodiscard]] TimerQueue clear() noexcept;

 private:
  struct Node {
    TimePoint deadline;
    std::uint32_t sequence = 0;  // 0: of no timer
    std::uint32_t link = none;   // the next in the bucket, or of the free ones
  };
  struct Key {
    TimePoint deadline;
    std::uint32_t sequence;
    std::uint32_t slot;

    // Sequence numbers wrap: which came first is told among any 2^31 successive ones.
    static bool later(const Key& a, const Key& b) noexcept {
      return a.deadline != b.deadline
                 ? a.deadline > b.deadline
                 : static_cast<std::int32_t>(a.sequence - b.sequence) > 0;
    }
  };
  using Tick = std::uint64_t;

  static constexpr std::uint32_t none = ~0u;
  static constexpr std::size_t spare = 256;  // empty nodes that do not matter
  static constexpr std::uint32_t page_size = 256;
  static constexpr unsigned tick_bits = 20;  // 2^20 ns
  static constexpr unsigned digit_bits = 8;
  static constexpr unsigned levels = (63 - tick_bits + digit_bits - 1) / digit_bits;
  static constexpr std::size_t buckets = std::size_t{1} << digit_bits;

  /// The buckets whose number differs from the elapsed time's in one digit. All are
  /// later than those of the levels below.
  struct Level {
    std::array<std::uint32_t, buckets> heads;
    std::array<std::uint64_t, buckets / 64> occupied{};
    Level() noexcept { heads.fill(none); }
    void insert(std::size_t bucket, std::uint32_t slot, std::uint32_t& link) noexcept;
    [[nodiscard]] std::size_t first() const noexcept;  // `buckets` if empty
    std::uint32_t take(std::size_t bucket) noexcept;
  };
  // Apart, as to move a timeout, or to put it in order, is not to touch its callable:
  // four nodes share a cache line.
  struct Page {
    std::array<Node, page_size> nodes;
    std::bitset<page_size> plain;  // whose callables need not be destroyed
    std::array<TimeoutCallback, page_size> callbacks;
  };
  struct Bucket {
    unsigned level;
    std::size_t index;
    Tick begin;
    Tick end;
  };

  static Tick tick_of(TimePoint deadline) noexcept;
  static TimePoint time_of(Tick tick) noexcept;

  [[nodiscard]] Node& node(std::uint32_t slot) const noexcept {
    return pages_[slot / page_size]->nodes[slot % page_size];
  }
  [[nodiscard]] TimeoutCallback& callback(std::uint32_t slot) const noexcept {
    return pages_[slot / page_size]->callbacks[slot % page_size];
  }
  [[nodiscard]] std::bitset<page_size>::reference plain(
      std::uint32_t slot) const noexcept {
    return pages_[slot / page_size]->plain[slot % page_size];
  }
  [[nodiscard]] bool in_wheel(const Node& node) const noexcept {
    return tick_of(node.deadline) > elapsed_;
  }
  [[nodiscard]] Node* find(Id id) noexcept;
  void retire(std::uint32_t slot) noexcept;
  void make_slot();  // when none is free
  void add_page();
  void begin_anew() noexcept;
  std::uint32_t next_sequence() noexcept;
  void release(std::uint32_t slot) noexcept;
  void place(std::uint32_t slot) noexcept;

  void place_in_wheel(std::uint32_t slot, Tick tick) noexcept;
  [[nodiscard]] bool first_bucket(Bucket& bucket) const noexcept;
  [[nodiscard]] TimePoint look_into(const Bucket& bucket) const noexcept;
  bool advance(Tick now) noexcept;
  void collect_from_heap(TimePoint now, std::vector<Id>& due);
  void leave_in_wheel(Node& node) noexcept;
  void sweep_wheel() noexcept;

  [[nodiscard]] bool stale(const Key& key) const noexcept {
    return node(key.slot).sequence != key.sequence;
  }
  void pop_key() noexcept;
  void drop_stale_front() noexcept;
  void sweep_heap() noexcept;

  std::vector<std::unique_ptr<Page>> pages_;
  std::uint32_t slots_ = 0;
  std::uint32_t free_ = none;
  std::vector<Key> heap_;  // has room for a key of every node, so that only add() fails
  std::array<Level, levels> wheel_;
  Tick elapsed_ = 0;  // what is due by the end of this tick is in the heap
  // Soon wraps, so that this is no rare event.
  std::uint32_t last_sequence_ = static_cast<std::uint32_t>(-300);
  std::size_t live_ = 0;
  TimePoint next_in_wheel_ = (TimePoint::max)();
  bool next_known_ = true;
};

}  // namespace tornado
