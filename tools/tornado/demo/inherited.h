// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The child of the demo: it says which descriptors came through its exec.

#include <string_view>

namespace tornado::cli {

/// As the only argument of the command; not in its help.
inline constexpr std::string_view inherited_word = "inherited";
/// The last line of the list, without which it is not complete.
inline constexpr std::string_view inherited_end = "end";

/// Prints a line "NUMBER WHAT" for each descriptor above 2. The exit status.
int list_inherited();

}  // namespace tornado::cli
