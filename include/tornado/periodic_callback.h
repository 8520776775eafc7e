// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Callbacks that run at intervals.

#include <memory>
#include <utility>

#include "tornado/ioloop.h"

namespace tornado {

/// Calls `callback` every `period`. The first call is one period after start().
///
/// The times are multiples of the period. A slow callback does not shift them: the
/// ticks that it missed are skipped. With `jitter` j, each step is drawn from period *
/// (1 - j/2 .. 1 + j/2), so that programs that start together drift apart.
///
/// Threads: start() and the destructor are for the loop's thread. The callback may
/// stop, restart and destroy its PeriodicCallback. An exception of the callback goes to
/// the loop's exception policy, and the ticks go on. May outlive the loop.
class TORNADO_API PeriodicCallback {
 public:
  /// On the current loop. Throws std::errc::invalid_argument for a period that is not
  /// positive or a jitter outside 0 to 1.
  PeriodicCallback(Callback callback, Delay period, double jitter = 0);
  PeriodicCallback(IOLoop& loop, Callback callback, Delay period, double jitter = 0);
  /// For a coroutine. A tick is skipped while the task of an earlier tick runs. stop()
  /// does not cancel that task.
  template <class F>
  requires TaskFunction<F> PeriodicCallback(F function, Delay period, double jitter = 0)
      : PeriodicCallback(detail::without_overlap(std::move(function)), period, jitter) {
  }
  template <class F>
  requires TaskFunction<F> PeriodicCallback(IOLoop& loop, F function, Delay period,
                                            double jitter = 0)
      : PeriodicCallback(loop, detail::without_overlap(std::move(function)), period,
                         jitter) {}
  /// As stop().
  ~PeriodicCallback();
  PeriodicCallback(const PeriodicCallback&) = delete;
  PeriodicCallback& operator=(const PeriodicCallback&) = delete;

  /// Does nothing if it runs already. Throws Errc::loop_closed, and Errc::loop_forked
  /// in a forked child.
  void start();
  /// No further tick begins. For any thread, also after the loop is gone. On another
  /// thread while the loop runs, a tick that has begun goes on. The loop destroys the
  /// callback in a later turn.
  void stop() noexcept;
  /// False once the loop is closed. For any thread.
  [[nodiscard]] bool is_running() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tornado
