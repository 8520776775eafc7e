// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "tornado/fd.h"
#include "tornado/waker.h"

namespace tornado {

/// One way for a thread to make a descriptor of another readable.
struct WakeMechanism {
  WakerKind kind;
  std::string_view name;
  /// The end to wait on, and the end to write to if that is another one.
  FdPair (*open)();
  /// Makes the reader readable. Async-signal-safe; may change errno. A full buffer is
  /// success. A dead one is left for the reader to find.
  void (*signal)(NativeFd writer) noexcept;
  /// Reads until there is nothing. False: dead, and would be readable for ever.
  bool (*drain)(NativeFd reader) noexcept;
  /// Whether a forked child has the descriptors, too. If not, their numbers are free
  /// there, and soon anybody's.
  bool inherited = true;
  /// Whether signal() raises SIGPIPE once nobody has the reader open.
  bool needs_reader = false;
};

/// What was compiled in, best first.
std::span<const WakeMechanism* const> wake_mechanisms() noexcept;

extern const WakeMechanism wake_by_eventfd;
extern const WakeMechanism wake_by_kqueue;
extern const WakeMechanism wake_by_pipe;
extern const WakeMechanism wake_by_socketpair;
extern const WakeMechanism wake_by_tcp_pair;

}  // namespace tornado
