// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "tornado/callback.h"
#include "tornado/fd.h"
#include "tornado/spawn.h"

namespace tornado {

/// SIGKILL and SIGTERM, which <csignal> of Windows may lack.
inline constexpr int kill_signal = 9;
inline constexpr int terminate_signal = 15;

enum class WaitFor { end, nothing };

/// Reaps one child. Empty if the child still runs and `wait` is WaitFor::nothing.
std::optional<ExitStatus> reap(int pid, NativeFd process, WaitFor wait);

/// Waits for the end of a child, which stays a zombie.
void await_end(int pid) noexcept;

/// Signals a child. False if it has been reaped. Never signals another process that has
/// got its pid.
bool signal_child(int pid, NativeFd process, int signal);

/// For a child without a descriptor of its own: a descriptor that is readable once the
/// child can be reaped, and so at once if it has ended. Empty if the system has none or
/// refuses it. The child must not have been reaped.
UniqueFd open_exit_descriptor(int pid) noexcept;

/// Whether a loop can wait for `process`, which is readable once the child has ended.
[[nodiscard]] bool is_readable_at_end(NativeFd process) noexcept;

/// Calls `notice` once, on another thread, when the child has ended. Does not reap it,
/// so that its pid is not reused while the loop may signal it. `process` may be closed
/// before.
void notify_of_end(int pid, NativeFd process, UniqueFunction<void()> notice);

/// A child that no object waits for any more. Allocated while there is memory.
struct AbandonedChild {
  int pid = -1;
  AbandonedChild* next = nullptr;
};

/// Reaps the child when it ends: by a thread that sleeps until then or, if no thread
/// can be started, at a later reap_abandoned().
void reap_later(std::unique_ptr<AbandonedChild> child) noexcept;

/// Reaps the children that reap_later() has put off, if they have ended.
void reap_abandoned() noexcept;

}  // namespace tornado
