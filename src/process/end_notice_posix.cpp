// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <thread>

#include "platform/log.h"
#include "process/end_notice.h"
#include "process/signal_blocker.h"
#include "process/wait_status.h"

namespace tornado {
namespace {

// A thread is no part of a program's design that it did not ask for: it takes none of
// its signals.
template <class F>
void start_detached(F body) {
  const SignalBlocker blocker;
  std::thread(std::move(body)).detach();
}

}  // namespace

bool is_readable_at_end(NativeFd process) noexcept {
  return process != invalid_fd;
}

void notify_of_end(int pid, NativeFd, UniqueFunction<void()> notice) {
  start_detached([pid, n = std::move(notice)]() mutable {
    await_end(pid);
    n();
  });
}

void reap_later(int pid) noexcept {
  try {
    start_detached([pid] { reap(pid, invalid_fd, WaitFor::end); });
  } catch (const std::exception& error) {
    log(LogLevel::error,
        "child " + std::to_string(pid) + " will stay a zombie: " + error.what());
  }
}

}  // namespace tornado
