// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "tornado/events.h"
#include "tornado/poller_kind.h"

namespace tornado::test {

/// The pollers that work here and tell the same.
std::vector<PollerKind> comparable_kinds();

/// How long a script for pollers is, at the scale 1.
extern const std::uint64_t script_steps;

/// Of what a poller tells, that which every poller of this system tells alike; none: no
/// news that can be compared.
Events comparable(bool is_socket, Events interest, Events told) noexcept;

/// The same of what a loop tells a handler.
Events comparable_to_handlers(Events told) noexcept;

}  // namespace tornado::test
