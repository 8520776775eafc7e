// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include <array>
#include <atomic>
#include <optional>
#include <source_location>
#include <string>

namespace tornado {

/// What a thread was doing at one moment.
struct StackSample {
  std::array<void*, 64> frames;
  int depth = 0;
  std::optional<std::source_location> callback;

  /// ", in a callback added at FILE:LINE (FUNCTION)\n  FRAME\n  FRAME..."
  [[nodiscard]] std::string text() const;
};

/// Interrupts `thread` by a queued SIGURG, which is ignored by default, and whose
/// handler is put in for the moment and the previous one back after it. Arrivals that
/// are not ours go to that one. `running` is read on the thread itself. Empty if it
/// does not answer within a second. One probe at a time; others wait.
std::optional<StackSample> probe_stack(
    pthread_t thread, const std::atomic<const std::source_location*>& running);

}  // namespace tornado
