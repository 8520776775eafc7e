// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/native.h"

namespace tornado {

/// How this thread sends a message to a door, where not every thread can. Null: it
/// cannot.
inline constinit thread_local bool (*send_from_this_thread)(NativeFd door) noexcept =
    nullptr;

}  // namespace tornado
