// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The small values that go into an IOLoop and come out of it.

#include <chrono>
#include <cstdint>
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
  bounded,  ///< also runs what is added meanwhile, up to 64 callbacks or 20
            ///< microseconds
};

struct LoopOptions {
  PollerKind poller = PollerKind::best;
  WakerKind waker = WakerKind::best;
  /// True: become current, or throw Errc::loop_running if this thread has a loop.
  /// False: do not. Unset: become current if the thread has none.
  std::optional<bool> make_current = {};
  TurnPolicy turns = TurnPolicy::strict;
  /// How long to go on looking, without sleeping, after there was something to do. For
  /// answers within a microsecond instead of the time that a sleeping core takes to
  /// wake; it burns a core meanwhile. Left off while it does not pay (nothing comes in
  /// time, again and again), and always on a machine with one processor. At any value,
  /// a loop that has run callbacks of other threads looks for 10 microseconds, unless
  /// they came from its own processor: whoever posts a stream need not wake it for
  /// each.
  std::chrono::nanoseconds spin{0};
  /// Another clock and another way to wait, for tests.
  LoopHooksReference hooks = {};
};

/// What happens to an exception that leaves a callback.
enum class ExceptionPolicy : std::uint8_t {
  log,      ///< logged as an error; the loop goes on
  rethrow,  ///< leaves start(); nothing else is lost, and start() may be called again
};

/// Names one timeout of one loop. Trivial to copy, never dangles.
struct TimeoutHandle {
  std::uint32_t loop = 0;
  std::uint32_t slot = 0;
  std::uint32_t sequence = 0;
};

/// Counts since construction.
struct LoopCounters {
  std::uint64_t turns = 0;
  std::uint64_t callbacks = 0;       ///< callbacks run, those from signals included
  std::uint64_t timeouts = 0;        ///< timeouts run
  std::uint64_t events = 0;          ///< handlers called
  std::uint64_t queue_depth = 0;     ///< callbacks waiting now, but for those in lanes
  std::uint64_t poller_rebuilt = 0;  ///< kernel sets made anew to shed an orphan
  std::chrono::nanoseconds asleep{0};
  WakerCounters waker;
};

}  // namespace tornado
