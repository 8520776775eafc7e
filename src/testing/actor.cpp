// SPDX-License-Identifier: Apache-2.0
#include "testing/actor.h"

#include <utility>

namespace tornado {

Actor::Actor(Simulation::Body body, const LoopSeam& clock)
    : body_(std::move(body)),
      clock_(clock),
      due_(clock.now()),
      thread_([this] { run(); }) {}

Actor::~Actor() {
  {
    const std::lock_guard lock(mutex_);
    unwind_ = true;
    turn_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Actor::step() {
  std::unique_lock lock(mutex_);
  turn_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return !turn_; });
  if (error_) std::rethrow_exception(std::exchange(error_, {}));
}

void Actor::pause(Delay delay) {
  // Whatever is destroyed by the unwinding may pause, too.
  if (unwind_) return;
  due_ = delay.after(clock_.now());
  {
    const std::lock_guard lock(mutex_);
    turn_ = false;
  }
  changed_.notify_all();
  await_turn();
}

void Actor::await_turn() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return turn_; });
  if (unwind_) throw Unwound();
}

void Actor::run() {
  std::exception_ptr error;
  try {
    await_turn();
    body_(*this);
  } catch (const Unwound&) {
  } catch (...) {
    error = std::current_exception();
  }
  body_ = {};
  const std::lock_guard lock(mutex_);
  error_ = std::move(error);
  done_ = true;
  turn_ = false;
  changed_.notify_all();
}

}  // namespace tornado
