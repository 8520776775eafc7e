// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Registers of a stopped process, under the numbers that DWARF gives them. What
/// differs between machines stands here and in trace_calls.cpp.

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>

namespace tornado::cli {

#if defined(__x86_64__)
inline constexpr unsigned frame_pointer = 6;
inline constexpr unsigned stack_pointer = 7;
#elif defined(__aarch64__)
inline constexpr unsigned frame_pointer = 29;
inline constexpr unsigned stack_pointer = 31;
#endif

struct Registers {
  std::array<std::uint64_t, 32> value = {};
  std::uint64_t pc = 0;
};

/// Nothing if the process has gone.
std::optional<Registers> registers_of(pid_t tid);

/// The address without a signature of pointer authentication.
std::uint64_t plain_address(std::uint64_t address);

}  // namespace tornado::cli
