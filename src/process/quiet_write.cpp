// SPDX-License-Identifier: Apache-2.0
#include "process/quiet_write.h"

#include <signal.h>
#include <unistd.h>

#include "platform/system_error.h"

namespace tornado {

// SIGPIPE is sent to the thread that writes, and so can be blocked and fetched there
// without touching what the program does with it. One that was pending before stays.
long write_quietly(NativeFd fd, const char* data, std::size_t size) noexcept {
  sigset_t pipe_signal, before, pending;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  sigpending(&pending);
  const long written = retry_eintr([&] { return ::write(fd, data, size); });
  const ErrnoKeeper keep;
  if (written == -1 && errno == EPIPE && sigismember(&pending, SIGPIPE) == 0) {
    sigpending(&pending);
    int signal = 0;
    // Not there if it is ignored: sigwait would wait for ever.
    if (sigismember(&pending, SIGPIPE) == 1) sigwait(&pipe_signal, &signal);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return written;
}

}  // namespace tornado
