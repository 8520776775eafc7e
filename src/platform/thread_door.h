// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/native.h"

namespace tornado {

using SendToDoor = bool (*)(NativeFd door) noexcept;

/// How this thread sends a message to a door, where not every thread can. Null: it
/// cannot.
inline constinit thread_local SendToDoor send_from_this_thread = nullptr;

}  // namespace tornado
