// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "platform/std_atomics.h"
#include "platform/sync_point.h"

namespace tornado {

/// A bounded queue that signal handlers push to: no lock, no allocation, and a push
/// that interrupts another push of the same thread goes through. One consumer.
///
/// Each cell counts the laps of the ring in its sequence number, which says whose turn
/// it is (D. Vyukov, bounded MPMC queue, 2010). A cell that is claimed and not yet
/// filled ends what pop() sees; who claimed it wakes the consumer after filling it.
template <class Atomics, std::size_t cells>
class BasicSignalRing {
 public:
  static constexpr std::size_t capacity = cells;
  static constexpr std::size_t largest = 32;

  struct Item {
    void (*invoke)(void* bytes) = nullptr;
    alignas(void*) std::byte bytes[largest];
  };

  BasicSignalRing() noexcept {
    std::uint32_t lap = 0;
    for (Cell& cell : cells_) cell.sequence.store(lap++, std::memory_order_relaxed);
  }

  /// False: full. `length` <= largest.
  bool push(void (*invoke)(void*), const void* bytes, std::size_t length) noexcept {
    Item item{invoke, {}};
    std::memcpy(item.bytes, bytes, length);
    std::uint32_t position = tail_.load(std::memory_order_relaxed);
    for (;;) {
      Cell& cell = cells_[position % capacity];
      const std::uint32_t sequence = cell.sequence.load(std::memory_order_acquire);
      const auto ahead = static_cast<std::int32_t>(sequence - position);
      if (ahead < 0) return false;
      if (ahead > 0) {
        position = tail_.load(std::memory_order_relaxed);
      } else if (tail_.compare_exchange_weak(position, position + 1,
                                             std::memory_order_relaxed)) {
        sync_point(SyncPoint::ring_claimed);
        cell.item = item;
        cell.sequence.store(position + 1, std::memory_order_release);
        return true;
      }
    }
  }

  bool pop(Item& item) noexcept {
    Cell& cell = cells_[head_ % capacity];
    if (cell.sequence.load(std::memory_order_acquire) != head_ + 1) return false;
    item = cell.item;
    cell.sequence.store(head_ + static_cast<std::uint32_t>(capacity),
                        std::memory_order_release);
    ++head_;
    return true;
  }

  /// An upper bound of what pop() would give now. For the consumer.
  [[nodiscard]] std::uint32_t size() const noexcept {
    return tail_.load(std::memory_order_relaxed) - head_;
  }

  /// For a forked child, which lacks the threads that had claimed a cell and not filled
  /// it. Such cells become items that do nothing. False if there was one.
  bool after_fork() noexcept {
    bool whole = true;
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    for (std::uint32_t position = head_; position != tail; ++position) {
      Cell& cell = cells_[position % capacity];
      if (cell.sequence.load(std::memory_order_relaxed) == position + 1) continue;
      cell.item = Item{[](void*) {}, {}};
      cell.sequence.store(position + 1, std::memory_order_release);
      whole = false;
    }
    return whole;
  }

 private:
  struct Cell {
    typename Atomics::template Atomic<std::uint32_t> sequence;
    typename Atomics::template NonAtomic<Item> item;
  };
  static_assert((capacity & (capacity - 1)) == 0);
  static_assert(Atomics::template Atomic<std::uint32_t>::is_always_lock_free);

  std::array<Cell, capacity> cells_;
  typename Atomics::template Atomic<std::uint32_t> tail_{0};
  std::uint32_t head_ = 0;
};

using SignalRing = BasicSignalRing<StdAtomics, 256>;

}  // namespace tornado
