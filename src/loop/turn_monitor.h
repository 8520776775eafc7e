// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <source_location>

#include "tornado/time.h"

namespace tornado {

/// What a loop tells its watchdog, for the price of plain stores.
struct TurnMonitor {
  /// Odd while a turn runs, even while the loop sleeps or does not run.
  std::atomic<std::uint64_t> turn{0};
  /// Where the running callback was added. No line: none runs.
  std::atomic<std::source_location> running{};
  /// The watchdog sleeps until a turn begins, and must be told.
  std::atomic<bool> awaited{false};

  /// Whether the watchdog must be told.
  [[nodiscard]] bool begin_turn() noexcept {
    step(1);
    // The watchdog's heavy fence orders these two.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return awaited.load(std::memory_order_relaxed);
  }
  void end_turn() noexcept { step(0); }

 private:
  void step(std::uint64_t parity) noexcept {
    const std::uint64_t now = turn.load(std::memory_order_relaxed);
    if ((now & 1) != parity) turn.store(now + 1, std::memory_order_relaxed);
  }
};

}  // namespace tornado
