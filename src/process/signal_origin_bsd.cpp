// SPDX-License-Identifier: Apache-2.0
#include "process/signal_origin.h"

namespace tornado {

bool is_from_kernel(const siginfo_t& info) noexcept {
  return info.si_pid == 0;
}

}  // namespace tornado
