// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// A loop can wait for sockets, and programs expect pipes as their standard streams. So
/// the child has a pipe, this process a socket, and a thread carries the bytes between.
///
/// What ends one side ends the other: the child's end of file is that of the socket,
/// and a closed socket closes the pipe. The threads end with the streams.

#include "platform/error_windows.h"
#include "platform/handle_windows.h"
#include "platform/system_error.h"
#include "tornado/fd.h"

namespace tornado {

/// A stream between a child and this process. Neither end is inheritable.
struct PumpedStream {
  UniqueHandle child_end;  // a pipe; blocks
  UniqueFd parent_end;     // a socket; non-blocking
};

/// For the child to read from, or to write to.
PumpedStream open_stream_to_child();
PumpedStream open_stream_from_child();

}  // namespace tornado
