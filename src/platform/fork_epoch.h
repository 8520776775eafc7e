// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tornado {

/// A number that a forked child finds changed, and its threads and later children of
/// one process find the same. No system call after the first time; async-signal-safe
/// after the first time.
///
/// The kernel wipes one page in every child (MADV_WIPEONFORK, Linux 4.14), which also
/// catches children made by a bare system call; pthread_atfork where it cannot. A vfork
/// child shares its parent's memory and number.
std::uint64_t fork_epoch() noexcept;

}  // namespace tornado
