// SPDX-License-Identifier: Apache-2.0
// For Windows, where no signal interrupts a thread.
#include "loop/stack_probe.h"

namespace tornado {

ProbedThread ProbedThread::current() noexcept {
  return {};
}

std::optional<StackSample> probe_stack(const ProbedThread&,
                                       const std::atomic<std::source_location>&,
                                       const std::atomic<bool>&) {
  return std::nullopt;
}

std::string StackSample::text() const {
  return {};
}

}  // namespace tornado
