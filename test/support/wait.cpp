// SPDX-License-Identifier: Apache-2.0
#include "support/wait.h"

namespace tornado::test {

using Steady = std::chrono::steady_clock;

bool wait_until(const std::function<bool()>& predicate,
                std::chrono::nanoseconds deadline) {
  const auto end = Steady::now() + deadline;
  while (!predicate()) {
    if (Steady::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace tornado::test
