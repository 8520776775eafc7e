// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The processes of a command: its leader, and all that it started and that stayed in
/// its process group.

#include <sys/types.h>

#include <functional>
#include <optional>

namespace tornado::cli {

enum class Delivery {
  sent,
  no_process,  ///< the group is empty
  forbidden    ///< EPERM: all of it runs as another user
};

/// Sends a signal to each process of a group; 0 only looks. A group that was seen
/// empty must not be asked again: the kernel gives its number to others.
Delivery signal_group(pid_t group, int signal);

/// Makes this process the parent of every orphan among its descendants, so that the end
/// of each raises SIGCHLD here. Without effect where the system has no such feature.
void adopt_orphans();

/// Reaps ended children, except those for which `awaited` is true.
void reap_orphans(const std::function<bool(pid_t)>& awaited);

/// The signal that has stopped a child. Tells of each stop once.
std::optional<int> take_stop(pid_t child);

}  // namespace tornado::cli
