// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "tornado/native.h"

namespace tornado::test {

/// Writes at most `size` bytes, once, whatever comes of it, and without SIGPIPE. How
/// many; 0 if none.
std::size_t try_write(NativeFd fd, std::size_t size);

enum class Direction { reading, writing, both };

/// Of a socket. No error if it is not connected any more.
void shut_down(NativeFd socket, Direction direction);

}  // namespace tornado::test
