// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace tornado {

/// A fence in two halves: a heavy one, which few need, orders all that other threads of
/// the process do, so that many can do with a light one, which costs nothing.
///
/// The heavy half is membarrier's PRIVATE_EXPEDITED command (Linux 4.14), which has
/// every processor that runs one of the process's threads execute a full fence.

/// Whether the light half suffices, and whoever sleeps must use the heavy one.
inline std::atomic<bool> fences_are_asymmetric{false};

/// Makes it so if the system can; tries once. Any thread.
void use_asymmetric_fences() noexcept;

/// False if the system has come to refuse it: then the light half does not suffice any
/// more, and those who relied on it are not ordered.
bool heavy_fence() noexcept;

}  // namespace tornado
