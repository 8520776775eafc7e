// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>

#include "tornado/native.h"

namespace tornado::test {

/// What is open in this process now. Compare two to see what was left behind.
std::set<NativeFd> open_numbers();

}  // namespace tornado::test
