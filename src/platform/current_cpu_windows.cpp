// SPDX-License-Identifier: Apache-2.0
#include <windows.h>

#include "platform/current_cpu.h"

namespace tornado {

int current_cpu() noexcept {
  constexpr int group_size = 64;
  PROCESSOR_NUMBER number{};
  ::GetCurrentProcessorNumberEx(&number);
  return number.Group * group_size + number.Number;
}

}  // namespace tornado
