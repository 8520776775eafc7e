// SPDX-License-Identifier: Apache-2.0
// For systems that do not tell the processor of a thread and have no membarrier.
#include "platform/cpu.h"

namespace tornado {

int current_cpu() noexcept {
  return -1;
}

void use_asymmetric_fences() noexcept {}

bool heavy_fence() noexcept {
  return false;
}

}  // namespace tornado
