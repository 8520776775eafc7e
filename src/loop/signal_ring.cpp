// SPDX-License-Identifier: Apache-2.0
#include "loop/signal_ring.h"

#include <cstring>

namespace tornado {

static_assert((SignalRing::capacity & (SignalRing::capacity - 1)) == 0);

SignalRing::SignalRing() noexcept {
  std::uint32_t lap = 0;
  for (Cell& cell : cells_) cell.sequence.store(lap++, std::memory_order_relaxed);
}

bool SignalRing::push(void (*invoke)(void*), const void* bytes,
                      std::size_t size) noexcept {
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
      cell.item.invoke = invoke;
      std::memcpy(cell.item.bytes, bytes, size);
      cell.sequence.store(position + 1, std::memory_order_release);
      return true;
    }
  }
}

bool SignalRing::pop(Item& item) noexcept {
  Cell& cell = cells_[head_ % capacity];
  if (cell.sequence.load(std::memory_order_acquire) != head_ + 1) return false;
  item = cell.item;
  cell.sequence.store(head_ + static_cast<std::uint32_t>(capacity),
                      std::memory_order_release);
  ++head_;
  return true;
}

}  // namespace tornado
