// SPDX-License-Identifier: Apache-2.0
#include "loop/watchdog.h"

#include <algorithm>
#include <string>
#include <utility>

#include "platform/log.h"
#include "platform/thread.h"

namespace tornado {

Watchdog::Watchdog(TurnMonitor& monitor, std::chrono::nanoseconds threshold)
    : monitor_(monitor), threshold_(threshold) {
  thread_ = start_thread_with_signals_blocked([this] { run(); });
}

Watchdog::~Watchdog() {
  hurried_ = true;
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Watchdog::watch() {
  {
    const std::scoped_lock lock(mutex_);
    watched_ = ProbedThread::current();
    watching_ = true;
  }
  changed_.notify_one();
}

void Watchdog::unwatch() {
  hurried_ = true;
  const std::scoped_lock lock(mutex_);
  watching_ = false;
  hurried_ = false;
}

void Watchdog::turn_began() {
  {
    const std::scoped_lock lock(mutex_);
    monitor_.awaited = false;
  }
  changed_.notify_one();
}

void Watchdog::run() {
  use_asymmetric_fences();
  std::unique_lock lock(mutex_);
  std::uint64_t seen = 0;
  std::uint64_t reported = 0;
  while (!stopping_) {
    if (!watching_) {
      changed_.wait(lock);
      continue;
    }
    changed_.wait_until(lock, Delay(threshold_).after(Clock::now()),
                        [this] { return stopping_ || !watching_; });
    // No turn runs while the loop is not watched.
    if (stopping_ || !watching_) continue;
    const std::uint64_t turn = monitor_.turn.load(std::memory_order_relaxed);
    const bool same = std::exchange(seen, turn) == turn;
    const bool in_turn = (turn & 1) != 0;
    if (same && !in_turn) await_turn(lock);
    if (!same || !in_turn || turn == reported) continue;
    reported = turn;
    // Under the lock, so that unwatch() keeps the thread alive.
    const auto stack = probe_stack(watched_, monitor_.running, hurried_);
    lock.unlock();
    report(stack);
    lock.lock();
  }
}

// A loop that has slept for a threshold may sleep for hours. Where the fence fails the
// watchdog looks again after each threshold.
void Watchdog::await_turn(std::unique_lock<std::mutex>& lock) {
  monitor_.awaited.store(true);
  const bool fenced = fences_are_asymmetric && heavy_fence();
  if (fenced && (monitor_.turn.load() & 1) == 0) {
    changed_.wait(lock,
                  [this] { return stopping_ || !watching_ || !monitor_.awaited; });
  }
  monitor_.awaited = false;
}

void Watchdog::report(const std::optional<StackSample>& stack) const noexcept {
  try {
    log(LogLevel::warning, message(stack));
  } catch (const std::exception&) {
    log(LogLevel::warning, "IOLoop blocked; out of memory while logging where");
  }
}

std::string Watchdog::message(const std::optional<StackSample>& stack) const {
  const std::chrono::duration<double, std::milli> limit = threshold_;
  std::string text =
      "IOLoop blocked for more than " + std::to_string(limit.count()) + " ms";
  if (stack) text += stack->text();
  return text;
}

}  // namespace tornado
