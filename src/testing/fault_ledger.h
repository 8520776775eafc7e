// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "tornado/faults.h"

namespace tornado::faults {

/// A ledger that this process shares with those that it forks from now on, and with no
/// other. The ledger before is unmapped here when no thread uses it any more.
void open_ledger();
/// From here to disarm() calls are counted, in this process and in all that it forks,
/// and the fault strikes. None, if it names no call: they are counted only.
void arm(const Fault& fault);
void disarm() noexcept;
/// Calls of this process, and of what it forks, are counted: not those of its parent.
/// After open_ledger().
void take_part() noexcept;

/// Since arm().
[[nodiscard]] std::uint32_t struck() noexcept;
[[nodiscard]] std::uint32_t counted(std::size_t call) noexcept;

/// For the calls' stand-ins: what this one shall fail with, or 0.
int strike(std::size_t call) noexcept;

/// For the calls' stand-ins: the library lives above 2, also where that is free.
void note_use(int fd) noexcept;
void forbid_low_numbers() noexcept;
[[nodiscard]] bool low_number_used() noexcept;

/// Blocks of operator new that live. Counted always, in this process.
[[nodiscard]] long live_blocks() noexcept;

}  // namespace tornado::faults
