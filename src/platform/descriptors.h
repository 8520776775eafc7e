// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "tornado/fd.h"

namespace tornado {

/// Takes what a call that makes descriptors returned: throws errno for -1, and moves 0,
/// 1 and 2 out of the way of those who take them for the standard streams.
UniqueFd adopt(NativeFd fd, std::string_view act);

struct Replaced {
  NativeFd number;
  UniqueFd old;
};

/// Puts `fresh` in the place of `number`, which stays close-on-exec, in one step. Where
/// the system has no such step, the number becomes that of `fresh`, and `old` is what
/// it was, for those who may still use it.
Replaced replace(NativeFd number, UniqueFd fresh);

}  // namespace tornado
