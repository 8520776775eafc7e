// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tornado {

/// Lets this thread wake loops that sleep in a ring by messages to it, if that works
/// here: until it has left as often, or ends.
void use_ring_messages() noexcept;
void leave_ring_messages() noexcept;

}  // namespace tornado
