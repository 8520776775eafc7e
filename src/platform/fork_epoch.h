// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
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

/// Where the number is kept; null before the first time, and where no mechanism works.
extern std::atomic<const std::atomic<std::uint64_t>*> fork_mark;
/// The first time, in this process or in all, and where there is no mark.
std::uint64_t find_fork_epoch() noexcept;

inline std::uint64_t fork_epoch() noexcept {
  if (const auto* mark = fork_mark.load(std::memory_order_acquire)) {
    if (const std::uint64_t epoch = mark->load(std::memory_order_acquire)) return epoch;
  }
  return find_fork_epoch();
}

}  // namespace tornado
