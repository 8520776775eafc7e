// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mutex>
#include <utility>

#include "platform/signal_blocker.h"
#include "platform/thread.h"

namespace tornado {

#ifdef SYS_membarrier
namespace {

// Of <linux/membarrier.h>.
constexpr int private_expedited = 1 << 3;
constexpr int register_private_expedited = 1 << 4;

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
    fences_are_asymmetric.store(membarrier(register_private_expedited));
  });
}

bool heavy_fence() noexcept {
  if (membarrier(private_expedited)) return true;
  // A forked child may have to register again.
  if (membarrier(register_private_expedited) && membarrier(private_expedited)) {
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
