// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>
#include <sys/time.h>

#include <chrono>

namespace tornado::test {

/// A handler for one signal in this scope; then what was there before.
class SignalScope {
 public:
  SignalScope(int signal, void (*handler)(int), int flags = 0) : signal_(signal) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = flags;
    ::sigaction(signal_, &action, &before_);
  }
  ~SignalScope() { ::sigaction(signal_, &before_, nullptr); }
  SignalScope(const SignalScope&) = delete;
  SignalScope& operator=(const SignalScope&) = delete;

 private:
  int signal_;
  struct sigaction before_ {};
};

/// SIGALRM again and again in this scope.
class AlarmStorm {
 public:
  explicit AlarmStorm(std::chrono::microseconds period) { set(period); }
  ~AlarmStorm() {
    set(std::chrono::microseconds(0));
    // One that is still pending, as under valgrind, would meet the next handler, or
    // none.
    const SignalScope discard(SIGALRM, SIG_IGN);
  }
  AlarmStorm(const AlarmStorm&) = delete;
  AlarmStorm& operator=(const AlarmStorm&) = delete;

 private:
  static void set(std::chrono::microseconds period) {
    const auto ticks = static_cast<suseconds_t>(period.count());
    const itimerval timer{{0, ticks}, {0, ticks}};
    ::setitimer(ITIMER_REAL, &timer, nullptr);
  }
};

}  // namespace tornado::test
