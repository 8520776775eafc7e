// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Lets a program take the place of the shell that starts it. Signals and the kernel
/// then reach the program itself, and its exit status needs no shell to pass it on.

#include <string>
#include <string_view>

namespace tornado::cli {

/// Puts `exec` in front of a line that is one simple command, behind its assignments.
/// Every other line stays as it is: lists, pipelines, compound commands, builtins, and
/// what this function cannot tell for certain.
std::string with_exec(std::string_view line);

}  // namespace tornado::cli
