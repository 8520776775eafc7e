// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "tornado/native.h"

namespace tornado {

/// Throws for a handle that is no socket: Winsock waits for sockets alone.
void check_socket(const char* act, NativeFd fd);
bool is_socket(NativeFd fd) noexcept;

/// Rounded up, and cut to what fits; -1, for ever, if negative.
int to_milliseconds(std::chrono::nanoseconds timeout) noexcept;
/// For a wait for nothing, which Winsock refuses.
void sleep_for(std::chrono::nanoseconds timeout) noexcept;

}  // namespace tornado
