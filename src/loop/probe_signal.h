// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include <csignal>

namespace tornado {

/// Sends SIGURG to one thread of this process. False if it was not sent.
bool send_probe(pthread_t thread, void* cookie) noexcept;
/// In the handler: whether this arrival was sent with the cookie.
bool is_probe(const siginfo_t& info, const void* cookie) noexcept;

}  // namespace tornado
