// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>

#include "tornado/native.h"

namespace tornado::test {

/// The open numbers of this process. Compare two sets to see what was left behind.
std::set<NativeFd> open_numbers();

}  // namespace tornado::test
