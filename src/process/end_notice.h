// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/callback.h"
#include "tornado/native.h"

namespace tornado {

/// Whether a loop can wait for this, and finds it readable once the child has ended.
[[nodiscard]] bool is_readable_at_end(NativeFd process) noexcept;

/// Calls `notice` once, on another thread, when the child has ended. It is not reaped,
/// so that its pid is its own as long as the loop may signal it. `process` may be
/// closed meanwhile.
void notify_of_end(int pid, NativeFd process, UniqueFunction<void()> notice);

/// Sees to it that a child for which nobody waits any more leaves nothing behind.
void reap_later(int pid) noexcept;

}  // namespace tornado
