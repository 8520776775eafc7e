// SPDX-License-Identifier: Apache-2.0
#include "tornado/periodic_callback.h"

#include <algorithm>
#include <random>

#include "loop/periodic_schedule.h"
#include "platform/system_error.h"

namespace tornado {

using std::chrono::nanoseconds;

struct PeriodicCallback::State : std::enable_shared_from_this<State> {
  State(IOLoop& l, Callback c, nanoseconds p, double j)
      : loop(l), callback(std::move(c)), period(p), jitter(j) {}

  nanoseconds step() {
    if (jitter == 0) return period;
    std::uniform_real_distribution<double> factor(1 - jitter / 2, 1 + jitter / 2);
    const Delay drawn(std::chrono::duration<double, std::nano>(
        static_cast<double>(period.count()) * factor(random)));
    return std::max(drawn.get(), nanoseconds(1));
  }

  void schedule() {
    next = next_tick(next, loop.time(), step());
    timeout = loop.call_at(next, [self = shared_from_this()] { self->tick(); });
    pending = true;
  }

  void tick() {
    pending = false;
    try {
      callback();
    } catch (...) {
      go_on();
      throw;
    }
    go_on();
  }

  // The callback may have stopped it, or started it anew.
  void go_on() {
    if (running && !pending) schedule();
  }

  IOLoop& loop;
  Callback callback;
  const nanoseconds period;
  const double jitter;
  std::minstd_rand random{std::random_device{}()};
  TimePoint next{};
  TimeoutHandle timeout;
  bool running = false;
  bool pending = false;  // whether `timeout` is still to come
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
    refuse("period " + std::to_string(period.get().count()) + " ns");
  }
  if (!(jitter >= 0 && jitter <= 1)) refuse("jitter " + std::to_string(jitter));
  state_ = std::make_shared<State>(loop, std::move(callback), period.get(), jitter);
}

PeriodicCallback::~PeriodicCallback() {
  stop();
}

void PeriodicCallback::start() {
  if (state_->running) return;
  state_->next = state_->loop.time();
  state_->schedule();
  state_->running = true;
}

void PeriodicCallback::stop() {
  state_->running = false;
  if (std::exchange(state_->pending, false)) {
    state_->loop.remove_timeout(state_->timeout);
  }
}

bool PeriodicCallback::is_running() const noexcept {
  return state_->running;
}

}  // namespace tornado
