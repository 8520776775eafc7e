// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The descriptors of processes that run already.

#include <sys/types.h>

#include <vector>

#include "command.h"
#include "fds/allow_list.h"

namespace tornado::cli {

struct AuditOptions {
  bool only_leaks = false;  ///< show only what the next program would get
  AllowList allowed = AllowList();
};

/// Shows the descriptors of processes. The exit status.
int audit_processes(const Context& context, const std::vector<pid_t>& pids,
                    const AuditOptions& options);

}  // namespace tornado::cli
