// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Work that is done again and again.

#include <memory>
#include <utility>

#include "tornado/ioloop.h"

namespace tornado {

/// Calls `callback` every `period`, for the first time one period after start().
///
/// The times are multiples of the period: a callback that takes long does not shift
/// them, and those that it missed are skipped, never made up for in a burst. With
/// `jitter` j each step is drawn from period * (1 - j/2 .. 1 + j/2), so that many
/// programs started together do not stay together.
///
/// Belongs to the loop's thread. May be stopped, restarted and destroyed from its own
/// callback. If the callback throws, the loop's exception policy applies and the ticks
/// go on. May outlive the loop.
class TORNADO_API PeriodicCallback {
 public:
  /// On the current loop. Throws std::errc::invalid_argument for a period that is not
  /// positive or a jitter outside 0 to 1.
  PeriodicCallback(Callback callback, Delay period, double jitter = 0);
  PeriodicCallback(IOLoop& loop, Callback callback, Delay period, double jitter = 0);
  /// For a coroutine: a tick is skipped while the task of the one before runs. stop()
  /// leaves that task alone.
  template <class F>
  requires TaskFunction<F> PeriodicCallback(F function, Delay period, double jitter = 0)
      : PeriodicCallback(detail::without_overlap(std::move(function)), period, jitter) {
  }
  template <class F>
  requires TaskFunction<F> PeriodicCallback(IOLoop& loop, F function, Delay period,
                                            double jitter = 0)
      : PeriodicCallback(loop, detail::without_overlap(std::move(function)), period,
                         jitter) {}
  /// Stops, as stop() does.
  ~PeriodicCallback();
  PeriodicCallback(const PeriodicCallback&) = delete;
  PeriodicCallback& operator=(const PeriodicCallback&) = delete;

  /// Nothing, if it runs already. Errc::loop_closed; Errc::loop_forked in a child.
  void start();
  /// No further tick begins. Any thread, any time, also after the loop. On another
  /// thread while the loop runs: a tick that runs now goes on, and the loop destroys
  /// the callback in a later turn.
  void stop() noexcept;
  /// False once the loop is closed. Any thread.
  [[nodiscard]] bool is_running() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tornado
