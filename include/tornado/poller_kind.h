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
  best,    ///< the poller in TORNADO_POLLER, or the first of poller_kinds() that works
  epoll,   ///< Linux; nanosecond timeouts from 5.11 on, rounded up to milliseconds
           ///< before
  kqueue,  ///< BSD, macOS; a regular file is ready until it is read to its end
  iocp,    ///< Windows: a completion port; milliseconds, rounded up; sockets only. May
           ///< report an event that other code has consumed since
  poll,    ///< everywhere; cost grows with the number of registered descriptors
  select,  ///< everywhere; refuses descriptors of FD_SETSIZE (1024) and above, except
           ///< on Windows

  /// Linux 5.19, if the library was built with liburing. Opt-in: `best` never chooses
  /// it. If it is not available, the loop takes the best other poller and logs one
  /// warning; IOLoop::poller() tells which. Differences:
  /// - A change of interest costs no system call. Removing a descriptor that the kernel
  ///   waits for costs one call.
  /// - A file that is closed before it is removed stays open in the kernel. It ends
  /// when
  ///   its number is removed or added again, or when the loop is closed.
  /// - It may report an event that other code has consumed since.
  /// - A loop that moves to another thread registers all descriptors again.
  /// - After close(), one system call of its thread may fail with EINTR.
  io_uring,
};

[[nodiscard]] TORNADO_API std::string_view to_string(PollerKind kind) noexcept;
/// The pollers of this build, best first, and the opt-in poller last.
[[nodiscard]] TORNADO_API std::vector<PollerKind> poller_kinds();

}  // namespace tornado
