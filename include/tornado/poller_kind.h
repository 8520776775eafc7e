// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The system calls that an IOLoop may wait with.

#include <cstdint>
#include <string_view>
#include <vector>

#include "tornado/native.h"

namespace tornado {

enum class PollerKind : std::uint8_t {
  best,    ///< what TORNADO_POLLER names, else the first of poller_kinds() that works
  epoll,   ///< Linux; nanosecond timeouts from 5.11 on, rounded up to milliseconds
           ///< before
  kqueue,  ///< BSD, macOS; a regular file is ready until it is read to its end
  iocp,    ///< Windows: a completion port; milliseconds, rounded up; sockets alone. An
           ///< event may be told that something else has used up since
  poll,    ///< everywhere; cost grows with the number of registered descriptors
  select,  ///< everywhere; refuses descriptors of FD_SETSIZE (1024) and above, but on
           ///< Windows any number of them will do

  /// Linux 5.19, if the library was built with liburing. Never `best`: it is chosen by
  /// name. Where the build or the kernel does not have it, or a filter forbids it, the
  /// loop takes the best other one, says so once in the log, and IOLoop::poller() tells
  /// which. A change of interest costs no system call of its own; removing a descriptor
  /// that the kernel waits for costs one. The kernel keeps a file open that is closed
  /// before it is removed, until its number is removed or added again, or the loop is
  /// closed. An event may be told that something else has used up since. A loop that
  /// goes on in another thread registers everything anew. Once it is closed, one call
  /// of its thread may soon be interrupted, as by a signal.
  io_uring,
};

[[nodiscard]] TORNADO_API std::string_view to_string(PollerKind kind) noexcept;
/// What was compiled in, best first, and last what is chosen by name only.
[[nodiscard]] TORNADO_API std::vector<PollerKind> poller_kinds();

}  // namespace tornado
