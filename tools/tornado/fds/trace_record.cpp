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
