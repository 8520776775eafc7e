// SPDX-License-Identifier: Apache-2.0
#include "loop/watchdog.h"

#include <algorithm>
#include <string>

#include "loop/deaf_thread.h"
#include "platform/log.h"

namespace tornado {

Watchdog::Watchdog(const TurnMonitor& monitor, std::chrono::nanoseconds threshold)
    : monitor_(monitor), threshold_(threshold) {
  thread_ = start_deaf_thread([this] { run(); });
}

Watchdog::~Watchdog() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Watchdog::watch(pthread_t thread) {
  {
    const std::scoped_lock lock(mutex_);
    watched_ = thread;
    watching_ = true;
  }
  changed_.notify_one();
}

void Watchdog::unwatch() {
  const std::scoped_lock lock(mutex_);
  watching_ = false;
}

void Watchdog::run() {
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
    const std::uint64_t turn = monitor_.turn.load(std::memory_order_relaxed);
    const bool blocked = (turn & 1) && turn == seen && turn != reported;
    seen = turn;
    // No turn runs while the loop is not watched.
    if (!blocked || stopping_) continue;
    reported = turn;
    // Under the lock, so that unwatch() keeps the thread in being meanwhile.
    const auto stack = probe_stack(watched_, monitor_.running);
    lock.unlock();
    report(stack);
    lock.lock();
  }
}

void Watchdog::report(const std::optional<StackSample>& stack) const noexcept {
  try {
    log(LogLevel::warning, message(stack));
  } catch (const std::exception&) {
    log(LogLevel::warning, "IOLoop blocked, and no memory to tell where");
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
