// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "tornado/callback.h"
#include "tornado/native.h"

namespace tornado {

/// Whether a loop can wait for this, and finds it readable once the child has ended.
[[nodiscard]] bool is_readable_at_end(NativeFd process) noexcept;

/// Calls `notice` once, on another thread, when the child has ended. It is not reaped,
/// so that its pid is its own as long as the loop may signal it. `process` may be
/// closed meanwhile.
void notify_of_end(int pid, NativeFd process, UniqueFunction<void()> notice);

/// A child for which nobody waits any more. Made while there is memory.
struct LeftChild {
  int pid = -1;
  LeftChild* next = nullptr;
};

/// Sees to it that it leaves nothing behind: by a thread that sleeps until it has ended
/// or, where none can be had, at a reap_left() later on.
void reap_later(std::unique_ptr<LeftChild> child) noexcept;

/// Reaps those that had to be put off, if they have ended by now.
void reap_left() noexcept;

}  // namespace tornado
