// SPDX-License-Identifier: Apache-2.0
#include "tornado/periodic_callback.h"

#include <algorithm>
#include <atomic>
#include <random>

#include "loop/periodic_schedule.h"
#include "platform/system_error.h"

namespace tornado {

using std::chrono::nanoseconds;

struct PeriodicCallback::State : std::enable_shared_from_this<State> {
  State(LoopHandle l, Callback c, nanoseconds p, double j)
      : handle(std::move(l)), callback(std::move(c)), period(p), jitter(j) {}

  nanoseconds step() {
    if (jitter == 0) return period;
    std::uniform_real_distribution<double> factor(1 - jitter / 2, 1 + jitter / 2);
    const Delay drawn(std::chrono::duration<double, std::nano>(
        static_cast<double>(period.count()) * factor(random)));
    return std::max(drawn.get(), nanoseconds(1));
  }

  void start() {
    take_back();
    next = handle.open_loop("PeriodicCallback::start").time();
    schedule();
    running = true;
  }

  void schedule() {
    IOLoop& loop = handle.open_loop("PeriodicCallback");
    next = next_tick(next, loop.time(), step());
    timeout = loop.call_at(next, [self = shared_from_this()] { self->tick(); });
  }

  void tick() {
    timeout = {};
    if (!running) return;
    try {
      callback();
    } catch (...) {
      go_on();
      throw;
    }
    go_on();
  }

  // The callback may have stopped it, or started it again, or forked: a child's loop
  // refuses.
  void go_on() {
    if (running && !timeout && !handle.closed()) schedule();
  }

  void take_back() noexcept {
    const TimeoutHandle old = std::exchange(timeout, {});
    if (IOLoop* const open = handle.loop()) open->remove_timeout(old);
  }

  // Another thread must not touch what belongs to the loop's.
  void stop() noexcept {
    running = false;
    if (!handle.runs_elsewhere()) return take_back();
    try {
      handle.add_callback([self = shared_from_this()] {
        if (!self->running) self->take_back();
      });
    } catch (const std::exception&) {  // no memory: the next tick finds it stopped
    }
  }

  const LoopHandle handle;
  Callback callback;
  const nanoseconds period;
  const double jitter;
  std::atomic<bool> running{false};
  // The loop's thread:
  std::minstd_rand random{std::random_device{}()};
  TimePoint next{};
  TimeoutHandle timeout;  // empty during a tick
};

PeriodicCallback::PeriodicCallback(Callback callback, Delay period, double jitter)
    : PeriodicCallback(*IOLoop::current(), std::move(callback), period, jitter) {}

PeriodicCallback::PeriodicCallback(IOLoop& loop, Callback callback, Delay period,
                                   double jitter) {
  const auto refuse = [](const std::string& what) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                "PeriodicCallback: " + what);
  };
  if (!callback) refuse("no callback");
  if (period.get() <= nanoseconds::zero()) {
    refuse("period " + std::to_string(period.get().count()) + " ns is not positive");
  }
  if (!(jitter >= 0 && jitter <= 1))
    refuse("jitter " + std::to_string(jitter) + " is not between 0 and 1");
  state_ =
      std::make_shared<State>(loop.handle(), std::move(callback), period.get(), jitter);
}

PeriodicCallback::~PeriodicCallback() {
  stop();
}

void PeriodicCallback::start() {
  if (!is_running()) state_->start();
}

void PeriodicCallback::stop() noexcept {
  state_->stop();
}

bool PeriodicCallback::is_running() const noexcept {
  return state_->running && state_->handle.loop();
}

}  // namespace tornado
