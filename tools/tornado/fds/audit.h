// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The descriptors of processes that run already.

#include <sys/types.h>

#include <vector>

#include "command.h"

namespace tornado::cli {

/// Shows them, or with `only_leaks` those that the next program would get. The exit
/// status.
int audit_processes(const Context& context, const std::vector<pid_t>& pids,
                    bool only_leaks);

}  // namespace tornado::cli
