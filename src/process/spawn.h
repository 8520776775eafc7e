// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/spawn.h"

namespace tornado {

/// What both forms of spawn() do. Throws std::system_error.
Child start_child(const SpawnOptions& options);

}  // namespace tornado
