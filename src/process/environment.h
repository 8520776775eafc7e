// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tornado/spawn.h"

namespace tornado {

/// The child's environment: pointers for execve, with a null at the end, into
/// `storage` or into this process's own environment. Throws
/// std::errc::invalid_argument for a name that cannot be one.
std::vector<char*> child_environment(const SpawnOptions& options,
                                     std::vector<std::string>& storage);

/// The value of a variable in an environment, or nullptr.
const char* find_variable(const std::vector<char*>& environment, const char* name);

}  // namespace tornado
