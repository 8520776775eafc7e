// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "program.h"
#include "tornado/fd.h"

namespace tornado::test {

/// Reads the port from the first line of a server's output.
std::uint16_t port_of(Program& server);

/// A non-blocking socket; the connection may still be under way.
UniqueFd connect_to(std::uint16_t port);

}  // namespace tornado::test
