// SPDX-License-Identifier: Apache-2.0
// Every door is a completion port. A packet without an address is the message.
#include "platform/error_windows.h"
#include "platform/handle_windows.h"
#include "platform/wake_door.h"

namespace tornado {

bool send_to_door(NativeFd door) noexcept {
  const LastErrorKeeper keep;
  return ::PostQueuedCompletionStatus(as_handle(door), 0, 0, nullptr);
}

}  // namespace tornado
