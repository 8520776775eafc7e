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
  poll,    ///< everywhere; cost grows with the number of registered descriptors
  select,  ///< everywhere; refuses descriptors of FD_SETSIZE (1024) and above
};

[[nodiscard]] TORNADO_API std::string_view to_string(PollerKind kind) noexcept;
/// What was compiled in, best first.
[[nodiscard]] TORNADO_API std::vector<PollerKind> poller_kinds();

}  // namespace tornado
