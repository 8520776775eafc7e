// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "platform/signal_blocker.h"
#include "platform/thread.h"

#if __has_include(<linux/membarrier.h>)
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mutex>
#endif

namespace tornado {

#if __has_include(<linux/membarrier.h>)
namespace {

bool membarrier(int command) noexcept {
  return ::syscall(SYS_membarrier, command, 0, 0) == 0;
}

}  // namespace

int current_cpu() noexcept {
  return ::sched_getcpu();
}

void use_asymmetric_fences() noexcept {
  static std::once_flag once;
  std::call_once(once, [] {
    fences_are_asymmetric.store(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED));
  });
}

bool heavy_fence() noexcept {
  if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return true;
  // A forked child may have to register again.
  if (membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
      membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) {
    return true;
  }
  fences_are_asymmetric.store(false);
  return false;
}

#else  // systems that do not tell the processor of a thread and have no membarrier

int current_cpu() noexcept {
  return -1;
}

void use_asymmetric_fences() noexcept {}

bool heavy_fence() noexcept {
  return false;
}

#endif

std::thread start_thread_with_signals_blocked(UniqueFunction<void()> body) {
  const SignalBlocker blocker;
  return std::thread(std::move(body));
}

}  // namespace tornado
