// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/fd.h"

namespace tornado {

/// For a child that was born without a descriptor of its own: one that is readable once
/// it can be reaped, at once if that is so already. Empty if the system has none, or
/// gives none. The child must not have been reaped.
UniqueFd open_exit_descriptor(int pid) noexcept;

}  // namespace tornado
