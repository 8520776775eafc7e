// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "tornado/faults.h"

namespace tornado::faults {

/// Opens a ledger that this process shares with the children that it forks from now on.
/// The previous ledger is unmapped when no thread uses it any more.
void open_ledger();
/// Counts calls until disarm(), in this process and in its children, and injects the
/// fault. A fault that names no call only counts.
void arm(const Fault& fault);
void disarm() noexcept;
/// Counts the calls of this process and of its children, and not those of its parent.
/// After open_ledger().
void take_part() noexcept;

/// Since arm().
[[nodiscard]] std::uint32_t struck() noexcept;
[[nodiscard]] std::uint32_t counted(std::size_t call) noexcept;

/// For the wrappers of calls: the error that this call fails with, or 0.
int strike(std::size_t call) noexcept;

/// For the wrappers of calls: notes that the library used a number. Its descriptors are
/// above 2, even if lower numbers are free.
void note_use(int fd) noexcept;
void forbid_low_numbers() noexcept;
[[nodiscard]] bool low_number_used() noexcept;

/// Blocks that operator new has allocated and that are not freed, in this process.
[[nodiscard]] long live_blocks() noexcept;

}  // namespace tornado::faults
