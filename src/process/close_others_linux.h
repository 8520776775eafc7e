// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "process/child_task.h"

namespace tornado {

/// For kernels and sandboxes without close_range: closes all descriptors but those in
/// `kept` (ascending), found in /proc/self/fd, or without that by trying every number.
/// Part of the child half; the table must not be shared. False with errno.
bool close_others(Span<int> kept) noexcept;

}  // namespace tornado
