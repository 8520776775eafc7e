// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

#include "platform/system_error.h"

namespace tornado {

/// Calls `write`, which may fail with EPIPE, without a signal. It is repeated after
/// EINTR.
///
/// The kernel sends SIGPIPE to the thread that writes. This thread blocks it and takes
/// it, which leaves the program's disposition alone. A SIGPIPE that was pending stays
/// so.
template <class F>
auto without_sigpipe(F write) noexcept {
  sigset_t pipe_signal, before, pending;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  sigpending(&pending);
  const auto written = retry_eintr(write);
  const ErrnoKeeper keep;
  if (written == -1 && errno == EPIPE && sigismember(&pending, SIGPIPE) == 0) {
    sigpending(&pending);
    int signal = 0;
    // An ignored signal does not become pending, and sigwait would not return.
    if (sigismember(&pending, SIGPIPE) == 1) sigwait(&pipe_signal, &signal);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return written;
}

}  // namespace tornado
