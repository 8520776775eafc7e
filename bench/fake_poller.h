// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/native.h"

namespace tornado::bench {

/// In the program that is linked with fake_poller.cpp, PollerKind::epoll makes no
/// system call: each descriptor from this number on is ready in every turn.
inline constexpr NativeFd first_fake_fd = 100;

}  // namespace tornado::bench
