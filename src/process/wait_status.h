// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <system_error>

#include "tornado/native.h"

namespace tornado {

/// Tornado's returncode, or why there will be none.
struct WaitStatus {
  std::error_code error;  // Errc::status_taken
  int returncode = 0;
};

enum class WaitFor { end, nothing };

/// Reaps one child. Nothing, if it still runs and `wait` is WaitFor::nothing.
std::optional<WaitStatus> reap(int pid, NativeFd process, WaitFor wait);

/// False if the child is no longer there. Never reaches a stranger.
bool signal_child(int pid, NativeFd process, int signal);

/// Returns when the child can be reaped, or is not there.
void await_end(int pid) noexcept;

}  // namespace tornado
