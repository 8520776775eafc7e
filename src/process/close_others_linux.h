// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "process/child_task.h"

namespace tornado {

/// Closes all descriptors but `kept`, which is ascending, where close_range is missing
/// or forbidden. Reads /proc/self/fd, or tries every number where /proc is missing.
/// Part of the child half: the table must not be shared. False with errno.
bool close_others(Span<int> kept) noexcept;

}  // namespace tornado
