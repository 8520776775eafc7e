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
  /// Where the running callback was added; for the loop's own thread and its signal
  /// handlers, since it points into the callback.
  std::atomic<const std::source_location*> running{nullptr};

  void begin_turn() noexcept { step(1); }
  void end_turn() noexcept { step(0); }

 private:
  void step(std::uint64_t parity) noexcept {
    const std::uint64_t now = turn.load(std::memory_order_relaxed);
    if ((now & 1) != parity) turn.store(now + 1, std::memory_order_relaxed);
  }
};

}  // namespace tornado
