// SPDX-License-Identifier: Apache-2.0
#include "fds/trace_record.h"

#include <algorithm>

namespace tornado::cli {

bool Execution::leaks() const {
  return std::any_of(crossings.begin(), crossings.end(),
                     [](const Crossing& c) { return c.leaks(); });
}

std::size_t TraceRecord::leaking_executions() const {
  return static_cast<std::size_t>(
      std::count_if(executions.begin(), executions.end(),
                    [](const Execution& e) { return e.leaks(); }));
}

std::size_t TraceRecord::unseen_executions() const {
  return static_cast<std::size_t>(
      std::count_if(executions.begin(), executions.end(),
                    [](const Execution& e) { return !e.problem.empty(); }));
}

void TraceRecord::refuse_strict(pid_t process) {
  const auto last = std::find_if(executions.rbegin(), executions.rend(),
                                 [=](const auto& e) { return e.pid == process; });
  if (last != executions.rend()) {
    last->refused_strict = true;
  } else if (!executions.empty()) {
    executions.back().refused_strict = true;  // a fork of one of them
  }
}

void TraceRecord::made_late(pid_t process, int fd, const OriginPtr& origin) {
  for (Execution& execution : executions) {
    if (execution.pid != process) continue;
    for (Crossing& crossing : execution.crossings) {
      if (crossing.descriptor.number == fd && !crossing.origin)
        crossing.origin = origin;
    }
  }
}

}  // namespace tornado::cli
