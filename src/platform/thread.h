// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <thread>

#include "tornado/callback.h"

namespace tornado {

/// The processor that runs this thread, which the system may change at any moment. -1
/// if the system does not tell. Usually without a system call.
int current_cpu() noexcept;

/// Asks the processor to load the cache line of `address`, which may be any address.
inline void prefetch_line(const void* address) noexcept {
#if defined(__GNUC__)
  __builtin_prefetch(address);
#else
  (void)address;
#endif
}

/// An asymmetric fence: many threads pay nothing for the light half, and few threads
/// pay for the heavy half, which orders the memory accesses of all threads.
///
/// The heavy half is membarrier's PRIVATE_EXPEDITED command (Linux 4.14), which makes
/// each processor that runs a thread of the process execute a full fence.

/// True: the light half suffices, and a thread that sleeps must use the heavy half.
inline std::atomic<bool> fences_are_asymmetric{false};

/// Sets `fences_are_asymmetric` if the system supports it. Tries once. Any thread.
void use_asymmetric_fences() noexcept;

/// False: the system now refuses the call. From then on the light half does not
/// suffice, and this call has ordered nothing.
bool heavy_fence() noexcept;

/// Starts a thread that blocks all signals, which are for the program's own threads.
std::thread start_thread_with_signals_blocked(UniqueFunction<void()> body);

}  // namespace tornado
