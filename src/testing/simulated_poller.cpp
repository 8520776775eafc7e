// SPDX-License-Identifier: Apache-2.0
#include "testing/simulated_poller.h"

#include <string>
#include <system_error>

namespace tornado {

using std::chrono::nanoseconds;

void SimulatedPoller::add(NativeFd fd, Events events, Token token) {
  const auto at = watched_.insert_or_assign(fd, token).first;
  try {
    real_->add(fd, events, token);
  } catch (...) {
    watched_.erase(at);
    throw;
  }
}

void SimulatedPoller::remove(NativeFd fd) noexcept {
  watched_.erase(fd);
  real_->remove(fd);
}

std::span<const Ready> SimulatedPoller::wait(nanoseconds timeout) {
  const bool sleeping = timeout != timeout.zero();
  const bool stepped = world_.schedule.step(world_.now(), sleeping);
  if (look(nanoseconds::zero()) || stepped || !sleeping) return ready_;
  if (*world_.holds > 0) {
    look(nanoseconds(-1));
    return ready_;
  }
  TimePoint next = world_.schedule.next_due();
  if (timeout > timeout.zero()) {
    next = std::min(next, Delay(timeout).after(world_.now()));
  }
  if (next == (TimePoint::max)()) {
    look_for(world_.patience);
    if (ready_.empty()) report_deadlock();
  } else {
    world_.time.store(next.time_since_epoch().count(), std::memory_order_relaxed);
  }
  return ready_;
}

// Whether there was something.
bool SimulatedPoller::look(nanoseconds real_timeout) {
  const auto found = real_->wait(real_timeout);
  ready_.assign(found.begin(), found.end());
  world_.schedule.permute(ready_);
  return !ready_.empty();
}

void SimulatedPoller::look_for(nanoseconds real_time) {
  const TimePoint end = Delay(real_time).after(Clock::now());
  for (TimePoint now = Clock::now(); now < end; now = Clock::now()) {
    if (look(end - now)) return;
  }
}

void SimulatedPoller::report_deadlock() const {
  std::string act = "IOLoop deadlock: no callback, no timeout, and ";
  std::string numbers;
  for (const auto& [fd, token] : watched_) {
    if (token != waker_token) numbers.append(" ").append(std::to_string(fd));
  }
  if (numbers.empty()) {
    act.append("no descriptor");
  } else {
    act.append("nothing to come from fd").append(numbers);
  }
  throw std::system_error(
      std::make_error_code(std::errc::resource_deadlock_would_occur), act);
}

}  // namespace tornado
