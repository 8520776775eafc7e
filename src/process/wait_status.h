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

/// By their numbers, since not every system's <csignal> has both.
inline constexpr int kill_signal = 9;
inline constexpr int terminate_signal = 15;

enum class WaitFor { end, nothing };

/// Reaps one child. Nothing, if it still runs and `wait` is WaitFor::nothing.
std::optional<WaitStatus> reap(int pid, NativeFd process, WaitFor wait);

/// Waits for the end of a child, which stays a zombie.
void await_end(int pid) noexcept;

/// False if the child is no longer there. Never reaches a stranger.
bool signal_child(int pid, NativeFd process, int signal);

}  // namespace tornado
