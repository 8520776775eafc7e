// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

namespace tornado {

/// Blocks signals for this thread, and those it starts, in this scope.
class SignalBlocker {
 public:
  SignalBlocker() noexcept {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalBlocker() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalBlocker(const SignalBlocker&) = delete;
  SignalBlocker& operator=(const SignalBlocker&) = delete;

 private:
  sigset_t before_;
};

}  // namespace tornado
