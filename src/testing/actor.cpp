// SPDX-License-Identifier: Apache-2.0
#include "testing/actor.h"

#include <utility>

#include "platform/log.h"

namespace tornado {
namespace {

constexpr int most_throws = 100;

}  // namespace

Actor::Actor(Simulation::Body body, const LoopHooks& clock)
    : body_(std::move(body)),
      clock_(clock),
      due_(clock.now()),
      thread_([this] { run(); }) {}

Actor::~Actor() {
  {
    std::unique_lock lock(mutex_);
    unwind_ = true;
    turn_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return done_ || abandoned_; });
  }
  if (abandoned_) {
    log(LogLevel::warning,
        "Simulation: a simulated thread catches every exception and does not end");
    thread_.detach();
  } else {
    thread_.join();
  }
}

void Actor::step() {
  std::unique_lock lock(mutex_);
  turn_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return !turn_; });
  if (error_) std::rethrow_exception(std::exchange(error_, {}));
}

void Actor::pause(Delay delay) {
  if (unwind_) return unwind_again();
  due_ = delay.after(clock_.now());
  {
    const std::lock_guard lock(mutex_);
    turn_ = false;
  }
  changed_.notify_all();
  await_turn();
}

// Destructors that the unwinding runs may pause, too.
void Actor::unwind_again() {
  if (std::uncaught_exceptions() > 0) return;
  if (++throws_ < most_throws) throw Unwound();
  {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
    changed_.notify_all();
  }
  // The actor may be gone from here on.
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
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
