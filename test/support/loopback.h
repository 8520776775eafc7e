// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/fd.h"

namespace tornado::test {

/// A TCP socket that listens on 127.0.0.1, on a port that the system chose. Throws
/// std::runtime_error where that cannot be.
UniqueFd listen_on_loopback();

}  // namespace tornado::test
