// SPDX-License-Identifier: Apache-2.0
#include <sched.h>

#include "platform/current_cpu.h"

namespace tornado {

int current_cpu() noexcept {
  return ::sched_getcpu();
}

}  // namespace tornado
