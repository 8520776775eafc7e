// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

namespace tornado {

/// One use of the messages of one thread, to be given up on any thread.
using RingMessages = std::shared_ptr<void>;

/// Lets this thread wake loops that sleep in a ring by messages to it, if that works
/// here, as long as the result lives. Empty where there is no memory.
RingMessages use_ring_messages() noexcept;

}  // namespace tornado
