// SPDX-License-Identifier: Apache-2.0
#include "poller/comparable.h"
#include "support/pollers.h"

namespace tornado::test {

const std::uint64_t script_steps = 150'000;

std::vector<PollerKind> comparable_kinds() {
  return working_poller_kinds();
}

// A socket that was shut down both ways, and has a full buffer, hangs up but cannot be
// written; to select a hang-up is a matter of reading.
Events comparable(bool is_socket, Events interest, Events told) noexcept {
  const bool select_cannot_see =
      is_socket && interest == Events::write && told == Events::error;
  return select_cannot_see ? Events::none : told;
}

Events comparable_to_handlers(Events told) noexcept {
  return told;
}

}  // namespace tornado::test
