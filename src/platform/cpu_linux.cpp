// SPDX-License-Identifier: Apache-2.0
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mutex>

#include "platform/cpu.h"

namespace tornado {
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

}  // namespace tornado
