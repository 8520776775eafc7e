// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The expressions of call frame information, as far as compilers and the C library
/// use them (signal frames, frames that were aligned anew).

#include <optional>

#include "fds/trace_dwarf.h"
#include "fds/trace_machine.h"
#include "fds/trace_memory.h"

namespace tornado::cli {

/// What the expression leaves on top of a stack that begins with `initial`.
std::optional<std::uint64_t> evaluate(std::span<const unsigned char> expression,
                                      const Registers& registers, Memory& memory,
                                      std::optional<std::uint64_t> initial);

}  // namespace tornado::cli
