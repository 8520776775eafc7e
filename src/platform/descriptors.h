// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "tornado/fd.h"

namespace tornado {

/// Takes what a call that makes descriptors returned: throws errno for -1, and moves 0,
/// 1 and 2 out of the way of those who take them for the standard streams.
UniqueFd adopt(NativeFd fd, std::string_view act);

/// Puts `fresh` in the place of `number`, which stays close-on-exec, in one step.
void replace(NativeFd number, UniqueFd fresh);

}  // namespace tornado
