// SPDX-License-Identifier: Apache-2.0
#include "support/counted_new.h"

#include <cstddef>
#include <cstdlib>
#include <new>

std::atomic<std::uint64_t> tornado::test::allocations{0};
std::atomic<std::uint64_t> tornado::test::deallocations{0};
std::atomic<std::uint64_t> tornado::test::allocated_bytes{0};

void* operator new(std::size_t size) {
  tornado::test::allocations.fetch_add(1, std::memory_order_relaxed);
  tornado::test::allocated_bytes.fetch_add(size, std::memory_order_relaxed);
  if (void* const block = std::malloc(size)) return block;
  throw std::bad_alloc();
}
void operator delete(void* block) noexcept {
  if (block) tornado::test::deallocations.fetch_add(1, std::memory_order_relaxed);
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  operator delete(block);
}
