// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/spawn.h"

namespace tornado {

/// What spawn() does, without regard to how the error is handed on.
Child start_child(const SpawnOptions& options);

}  // namespace tornado
