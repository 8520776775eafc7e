// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/native.h"

namespace tornado {

/// Reads and drops all bytes of a stream, for the wakers that are streams. False at its
/// end or on an error.
bool drain_stream(NativeFd reader) noexcept;

/// One byte into a stream socket, without SIGPIPE.
void signal_socket(NativeFd writer) noexcept;

}  // namespace tornado
