// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "tornado/fd.h"
#include "tornado/waker.h"

namespace tornado {

/// A way for a thread to make a descriptor of another thread readable.
struct WakeMechanism {
  WakerKind kind;
  std::string_view name;
  /// The reading end, and the writing end unless one descriptor is both.
  FdPair (*open)();
  /// Makes the reader readable. Async-signal-safe; may change errno. A full buffer is
  /// success. Ignores other errors, which drain() finds.
  void (*signal)(NativeFd writer) noexcept;
  /// Reads until the reader is empty. False if the reader is broken and stays readable.
  bool (*drain)(NativeFd reader) noexcept;
  /// Whether a forked child inherits the descriptors. If not, it may reuse their
  /// numbers.
  bool inherited = true;
  /// Whether signal() raises SIGPIPE once the reader is closed.
  bool needs_reader = false;
};

/// A way into the wait of a poller that needs no byte of the waker: a completion port.
struct WakePort {
  using Post = bool (*)(NativeFd port) noexcept;
  UniqueFd fd;
  /// Ends the wait. Async-signal-safe. False on failure.
  Post post = nullptr;
};

/// The mechanisms of this build, best first.
std::span<const WakeMechanism* const> wake_mechanisms() noexcept;

extern const WakeMechanism wake_by_eventfd;
extern const WakeMechanism wake_by_kqueue;
extern const WakeMechanism wake_by_pipe;
extern const WakeMechanism wake_by_socketpair;
extern const WakeMechanism wake_by_tcp_pair;

}  // namespace tornado
