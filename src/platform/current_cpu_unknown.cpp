// SPDX-License-Identifier: Apache-2.0
#include "platform/current_cpu.h"

namespace tornado {

int current_cpu() noexcept {
  return -1;
}

}  // namespace tornado
