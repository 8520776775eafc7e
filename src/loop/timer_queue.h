// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <source_location>
#include <vector>

#include "loop/callback_queue.h"
#include "tornado/time.h"

namespace tornado {

/// Timeouts in the order of their deadlines, equal ones in the order of adding.
///
/// A four-ary heap of keys, which are compared without looking at the slab of callables
/// behind them. A sequence number that is never used twice makes ties, and tells a
/// timeout from the next one in its slot.
class TimerQueue {
 public:
  struct Id {
    std::uint32_t slot = 0;
    std::uint64_t sequence = 0;
  };

  Id add(TimePoint deadline, QueuedCallback callback);

  /// Takes the callable of a timeout out, whether it still waits or was found due.
  /// Empty if it is gone.
  [[nodiscard]] QueuedCallback take(Id id) noexcept;

  /// Appends the timeouts whose deadline is not after `now`, in order. They stay to be
  /// taken.
  void collect_due(TimePoint now, std::vector<Id>& due);

  /// TimePoint::max() if there is none.
  [[nodiscard]] TimePoint next_deadline() const noexcept {
    return heap_.empty() ? (TimePoint::max)() : heap_.front().deadline;
  }
  [[nodiscard]] std::size_t size() const noexcept { return live_; }

  /// Takes all callables out, to be destroyed by the caller.
  [[nodiscard]] std::vector<QueuedCallback> clear();

 private:
  struct Key {
    TimePoint deadline;
    std::uint64_t sequence;
    std::uint32_t slot;

    [[nodiscard]] bool before(const Key& other) const noexcept {
      return deadline != other.deadline ? deadline < other.deadline
                                        : sequence < other.sequence;
    }
  };
  struct Node {
    QueuedCallback callback;
    std::uint64_t sequence = 0;  // 0: free
    std::uint32_t position = 0;  // in the heap, or not_in_heap
  };
  static constexpr std::uint32_t not_in_heap = ~0u;

  std::uint32_t free_slot();
  void place(std::size_t position, const Key& key) noexcept;
  void sift_up(std::size_t position, const Key& key) noexcept;
  void sift_down(std::size_t position, const Key& key) noexcept;
  void erase(std::size_t position) noexcept;

  std::vector<Key> heap_;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> free_;
  std::uint64_t last_sequence_ = 0;
  std::size_t live_ = 0;
};

}  // namespace tornado
