// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>

#include <chrono>
#include <vector>

namespace tornado {

/// poll(2), with a timeout that is never cut short; negative: for ever. -1 and errno.
int call_poll(std::vector<pollfd>& polled, std::chrono::nanoseconds timeout) noexcept;

}  // namespace tornado
