// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "json.h"

namespace tornado::bench {

/// What a reader of figures wants to know of where they were measured.
Json describe_machine();

}  // namespace tornado::bench
