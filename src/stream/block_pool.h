// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace tornado {

inline constexpr std::size_t block_size = 64 << 10;

/// Blocks of that size, of which each thread keeps a few.
std::byte* allocate_block();
void free_block(std::byte* block) noexcept;

}  // namespace tornado
