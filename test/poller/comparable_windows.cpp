// SPDX-License-Identifier: Apache-2.0
#include "poller/comparable.h"

namespace tornado::test {

// That something is wrong is told by an error, or by what was asked for; a handler is
// told the latter in any case.
Events comparable(bool, Events interest, Events told) noexcept {
  return has(told, Events::error) ? interest : told;
}

Events comparable_to_handlers(Events told) noexcept {
  return told & (Events::read | Events::write);
}

}  // namespace tornado::test
