// SPDX-License-Identifier: Apache-2.0
#include "platform/asymmetric_fence.h"

namespace tornado {

void use_asymmetric_fences() noexcept {}

bool heavy_fence() noexcept {
  return false;
}

}  // namespace tornado
