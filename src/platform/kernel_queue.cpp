// SPDX-License-Identifier: Apache-2.0
#include "platform/kernel_queue.h"

#include "platform/descriptors.h"
#include "tornado/platform.h"

namespace tornado {

UniqueFd make_kernel_queue() {
  UniqueFd queue = adopt(::kqueue(), "kqueue");
  // No fork of another thread can come in between: children do not inherit it. This is
  // for an exec of this process itself.
  set_close_exec(queue.get());
  return queue;
}

}  // namespace tornado
