// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/native.h"

namespace tornado {

/// Another way to end a sleep than to write to a waker: by a message, from threads that
/// can send one. False: nothing was sent. Async-signal-safe, may change errno.
using SendToDoor = bool (*)(NativeFd door) noexcept;

/// Null on threads that cannot.
inline constinit thread_local SendToDoor send_to_door = nullptr;

}  // namespace tornado
