// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tornado {

/// A bounded queue that signal handlers push to: no lock, no allocation, and a push
/// that interrupts another push of the same thread goes through. One consumer.
///
/// Each cell counts the laps of the ring in its sequence number, which says whose turn
/// it is (D. Vyukov, bounded MPMC queue, 2010). A cell that is claimed and not yet
/// filled ends what pop() sees; who claimed it wakes the consumer after filling it.
class SignalRing {
 public:
  static constexpr std::size_t capacity = 256;
  static constexpr std::size_t largest = 32;

  struct Item {
    void (*invoke)(void* bytes) = nullptr;
    alignas(void*) std::byte bytes[largest];
  };

  SignalRing() noexcept;

  /// False: full. `size` <= largest.
  bool push(void (*invoke)(void*), const void* bytes, std::size_t size) noexcept;
  bool pop(Item& item) noexcept;
  /// An upper bound of what pop() would give now. For the consumer.
  [[nodiscard]] std::uint32_t size() const noexcept {
    return tail_.load(std::memory_order_relaxed) - head_;
  }

 private:
  struct Cell {
    std::atomic<std::uint32_t> sequence;
    Item item;
  };
  static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

  std::array<Cell, capacity> cells_;
  std::atomic<std::uint32_t> tail_{0};
  std::uint32_t head_ = 0;
};

}  // namespace tornado
