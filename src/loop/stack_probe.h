// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <source_location>
#include <string>
#include <thread>

namespace tornado {

/// What a thread was doing at one moment.
struct StackSample {
  std::array<void*, 64> frames;
  int depth = 0;
  std::optional<long> call;         ///< The number of the system call that it waits in.
  std::source_location callback{};  ///< Without a line if none runs.

  /// ", in a callback added at FILE:LINE (FUNCTION), in system call NUMBER\n  FRAME..."
  [[nodiscard]] std::string text() const;
};

/// A thread, and the file that tells which system call it waits in.
struct ProbedThread {
  std::thread::native_handle_type handle{};
  std::array<char, 64> file{};  ///< Its name. Empty if there is none.

  static ProbedThread current() noexcept;
};

/// Interrupts `thread` by a queued SIGURG, which is ignored by default, and whose
/// handler is put in for the moment and the previous one back after it. Arrivals that
/// are not ours go to that one.
///
/// A thread that waits in a system call is left alone, as many calls fail with EINTR
/// whatever the handler: the sample is then the call, and where it was made. Only a
/// wait for a lock is interrupted. Linux tells; elsewhere, and without /proc, every
/// thread is interrupted.
///
/// Empty if the thread does not answer within a second, or before `hurried` is set.
/// Only one probe runs at a time; other callers wait.
std::optional<StackSample> probe_stack(const ProbedThread& thread,
                                       const std::atomic<std::source_location>& running,
                                       const std::atomic<bool>& hurried);

}  // namespace tornado
