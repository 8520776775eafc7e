// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Options, counters and handles of an IOLoop.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "tornado/poller_kind.h"
#include "tornado/waker.h"

namespace tornado {

class LoopHooks;

/// The test hooks of a loop. Only the test kit sets them: see Simulation::options().
class LoopHooksReference {
  friend class LoopHooks;
  LoopHooks* hooks_ = nullptr;
};

/// When a loop looks at its descriptors.
enum class TurnPolicy : std::uint8_t {
  strict,   ///< once per turn; a callback that a callback adds waits for the next turn
  bounded,  ///< once per 64 callbacks or 20 microseconds: also runs added callbacks
};

struct LoopOptions {
  PollerKind poller = PollerKind::best;
  WakerKind waker = WakerKind::best;
  /// True: become current, or throw Errc::loop_running if this thread has a loop.
  /// False: do not. Unset: become current if the thread has none.
  std::optional<bool> make_current = {};
  TurnPolicy turns = TurnPolicy::strict;
  /// How long the loop polls without sleeping after it has done some work. The default
  /// is 0. A loop that polls answers within a microsecond, and uses a full core. It
  /// backs off while polling finds no work, and never polls on a machine with one
  /// processor. At any value the loop polls for 10 microseconds after callbacks from
  /// threads on other processors.
  std::chrono::nanoseconds spin{0};
  /// Another clock and another way to wait, for tests.
  LoopHooksReference hooks = {};
};

/// What happens to an exception that leaves a callback.
enum class ExceptionPolicy : std::uint8_t {
  log,      ///< the loop logs it as an error, and goes on
  rethrow,  ///< it leaves start(); call start() again to go on, nothing else is lost
};

class IOLoop;

/// Names one timeout of one loop, also after the timeout has run or was removed. A
/// default-constructed handle is empty: it names none. Trivial to copy, never dangles.
class TimeoutHandle {
 public:
  constexpr TimeoutHandle() noexcept = default;
  /// False if the handle is empty.
  constexpr explicit operator bool() const noexcept { return sequence_ != 0; }
  friend constexpr bool operator==(TimeoutHandle, TimeoutHandle) noexcept = default;

 private:
  friend class IOLoop;
  friend struct std::hash<TimeoutHandle>;
  constexpr TimeoutHandle(std::uint32_t loop, std::uint32_t slot,
                          std::uint32_t sequence) noexcept
      : loop_(loop), slot_(slot), sequence_(sequence) {}

  std::uint32_t loop_ = 0;
  std::uint32_t slot_ = 0;
  std::uint32_t sequence_ = 0;
};

/// Counts since construction.
struct LoopCounters {
  std::uint64_t turns = 0;
  std::uint64_t callbacks = 0;    ///< callbacks run, also from signal handlers
  std::uint64_t timeouts = 0;     ///< timeouts run
  std::uint64_t events = 0;       ///< handlers called
  std::uint64_t queue_depth = 0;  ///< callbacks waiting now
  std::uint64_t tasks = 0;        ///< tasks now that have an owner and have not ended
  std::uint64_t poller_rebuilt = 0;  ///< kernel sets rebuilt to drop a closed file
  std::chrono::nanoseconds asleep{0};
  WakerCounters waker;
};

}  // namespace tornado

template <>
struct std::hash<tornado::TimeoutHandle> {
  std::size_t operator()(tornado::TimeoutHandle timeout) const noexcept {
    const std::uint64_t in_loop =
        std::uint64_t{timeout.slot_} << 32 | timeout.sequence_;
    return std::hash<std::uint64_t>()(in_loop ^ std::uint64_t{timeout.loop_} << 16);
  }
};
