// SPDX-License-Identifier: Apache-2.0
#include "support/pollers.h"

#include "poller/poller.h"
#include "support/log_capture.h"

namespace tornado::test {

bool works_here(PollerKind kind) {
  const LogCapture unheard;
  return make_poller(kind)->kind() == kind;
}

std::vector<PollerKind> working_poller_kinds() {
  std::vector<PollerKind> kinds = poller_kinds();
  std::erase_if(kinds, [](PollerKind kind) { return !works_here(kind); });
  return kinds;
}

}  // namespace tornado::test
