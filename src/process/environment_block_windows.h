// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "tornado/spawn.h"

namespace tornado {

/// The child's environment as CreateProcess wants it: "name=value" one after the other,
/// each with a NUL, in the order of names without regard to case, and a NUL at the end.
/// Names that differ in case only are one variable, and the last given counts. Throws
/// std::errc::invalid_argument for a name that cannot be one.
std::wstring environment_block(const SpawnOptions& options);

/// The value of a variable in a block.
std::optional<std::wstring> find_variable(const std::wstring& block,
                                          const std::wstring& name);

}  // namespace tornado
