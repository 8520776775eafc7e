// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/native.h"

namespace tornado {

/// Another way to end a sleep than to write to a waker: by a message. False: nothing
/// was sent. Async-signal-safe, may change errno.
bool send_to_door(NativeFd door) noexcept;

}  // namespace tornado
