// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "loop/loop_hooks.h"
#include "tornado/testing.h"

namespace tornado {

/// A simulated thread: it and the thread that steps it take turns.
class Actor final : public SimulatedThread {
 public:
  Actor(Simulation::Body body, const LoopHooks& clock);
  /// Unwinds it where it pauses, and waits for its end unless it catches everything.
  ~Actor();

  /// Lets it run to its next pause, or to its end, whose exception this throws.
  void step();
  [[nodiscard]] bool done() const noexcept { return done_; }
  [[nodiscard]] TimePoint due() const noexcept { return due_; }

  void pause(Delay delay) override;

 private:
  struct Unwound {};

  void run();
  void await_turn();
  void unwind_again();

  Simulation::Body body_;
  const LoopHooks& clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool turn_ = false;  // the actor's, and all below is then its own
  bool unwind_ = false;
  bool done_ = false;
  bool abandoned_ = false;  // it never returns from its pause
  int throws_ = 0;
  TimePoint due_;
  std::exception_ptr error_;
  std::thread thread_;
};

}  // namespace tornado
