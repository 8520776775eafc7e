// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "tornado/spawn.h"

namespace tornado {

/// By their numbers, since <csignal> lacks them on Windows.
inline constexpr int kill_signal = 9;
inline constexpr int terminate_signal = 15;

enum class WaitFor { end, nothing };

/// Reaps one child. Nothing, if it still runs and `wait` is WaitFor::nothing.
std::optional<ExitStatus> reap(int pid, NativeFd process, WaitFor wait);

/// Waits for the end of a child, which stays a zombie.
void await_end(int pid) noexcept;

/// False if the child is no longer there. Never reaches a stranger.
bool signal_child(int pid, NativeFd process, int signal);

}  // namespace tornado
