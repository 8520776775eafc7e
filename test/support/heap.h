// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <malloc.h>

#include <cstddef>

namespace tornado::test {

/// Of the heap, in bytes; 0 under a sanitizer, which has a heap of its own, and where
/// the C library does not tell.
inline std::size_t memory_in_use() {
#if defined(__GLIBC__)
  const struct mallinfo2 heap = ::mallinfo2();
  return heap.uordblks + heap.hblkhd;
#else
  return 0;
#endif
}

}  // namespace tornado::test
