// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <unistd.h>

#include "platform/system_error.h"
#include "process/conversation.h"

namespace tornado {
namespace {

// The kernel sends SIGPIPE to the thread that writes. This thread blocks it and takes
// it, which leaves the program's disposition alone. A SIGPIPE that was pending stays
// so.
long write_without_sigpipe(NativeFd fd, const char* data, std::size_t size) noexcept {
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
    // An ignored signal does not become pending, and sigwait would not return.
    if (sigismember(&pending, SIGPIPE) == 1) sigwait(&pipe_signal, &signal);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return written;
}

}  // namespace

Transferred read_from_child(NativeFd pipe, std::span<char> bytes) {
  const auto n = retry_eintr([&] { return ::read(pipe, bytes.data(), bytes.size()); });
  if (n > 0) return {Transfer::some, static_cast<std::size_t>(n)};
  if (n == 0) return {Transfer::closed};
  if (errno != EAGAIN) throw_errno("read from child");
  return {Transfer::none_now};
}

Transferred write_to_child(NativeFd pipe, std::span<const char> bytes) {
  const long n = write_without_sigpipe(pipe, bytes.data(), bytes.size());
  if (n >= 0) return {Transfer::some, static_cast<std::size_t>(n)};
  if (errno == EPIPE) return {Transfer::closed};
  if (errno != EAGAIN) throw_errno("write to child");
  return {Transfer::none_now};
}

}  // namespace tornado
