// SPDX-License-Identifier: Apache-2.0
#include "process/signal_origin.h"

namespace tornado {

// Not by the pid, which is 0 also for a process that this one cannot see.
bool is_from_kernel(const siginfo_t& info) noexcept {
  return info.si_code == SI_KERNEL;
}

}  // namespace tornado
