// SPDX-License-Identifier: Apache-2.0
#include "platform/thread_door.h"

#include "platform/wake_door.h"

namespace tornado {

bool send_to_door(NativeFd door) noexcept {
  return send_from_this_thread && send_from_this_thread(door);
}

}  // namespace tornado
