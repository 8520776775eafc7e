// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>

namespace tornado {

/// Whether the kernel sent it, as it does for Ctrl-C. Async-signal-safe.
bool is_from_kernel(const siginfo_t& info) noexcept;

}  // namespace tornado
