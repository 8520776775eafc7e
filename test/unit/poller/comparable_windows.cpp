// SPDX-License-Identifier: Apache-2.0
#include "poller/comparable.h"
#include "support/pollers.h"

namespace tornado::test {

const std::uint64_t script_steps = 20'000;  // a wait asks AFD for each socket

// Not WSAPoll, to which the end of a peer's writing is a hang-up: it tells it to those
// who only write, and then hides from them that there is room.
std::vector<PollerKind> comparable_kinds() {
  std::vector<PollerKind> kinds = working_poller_kinds();
  std::erase(kinds, PollerKind::poll);
  return kinds;
}

// That something is wrong is told by an error, or by what was asked for; a handler is
// told the latter in any case.
Events comparable(bool, Events interest, Events told) noexcept {
  return has(told, Events::error) ? interest : told;
}

Events comparable_to_handlers(Events told) noexcept {
  return told & (Events::read | Events::write);
}

}  // namespace tornado::test
