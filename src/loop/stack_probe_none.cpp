// SPDX-License-Identifier: Apache-2.0
// Where a thread cannot be interrupted by a signal.
#include "loop/stack_probe.h"

namespace tornado {

std::optional<StackSample> probe_stack(
    pthread_t, const std::atomic<const std::source_location*>&) {
  return std::nullopt;
}

std::string StackSample::text() const {
  return {};
}

}  // namespace tornado
