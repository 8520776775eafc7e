// SPDX-License-Identifier: Apache-2.0
// The program's operator new, which counts calls and fails on demand.

#include <atomic>
#include <cstdlib>
#include <new>

#include "testing/fault_calls.h"
#include "testing/fault_ledger.h"

namespace {

std::atomic<long> live{0};

void* allocate(std::size_t size, std::size_t alignment) {
  constexpr std::size_t call = tornado::faults::call_id("operator new");
  if (tornado::faults::strike(call) != 0) return nullptr;
  void* block = nullptr;
  if (::posix_memalign(&block, alignment, size == 0 ? 1 : size) != 0) return nullptr;
  live.fetch_add(1, std::memory_order_relaxed);
  return block;
}

void* allocate_or_throw(std::size_t size, std::size_t alignment) {
  if (void* const block = allocate(size, alignment)) return block;
  throw std::bad_alloc();
}

void release(void* block) noexcept {
  if (block) live.fetch_sub(1, std::memory_order_relaxed);
  std::free(block);
}

constexpr std::size_t usual = alignof(std::max_align_t);

}  // namespace

long tornado::faults::live_blocks() noexcept {
  return live.load();
}

void* operator new(std::size_t size) {
  return allocate_or_throw(size, usual);
}
void* operator new[](std::size_t size) {
  return allocate_or_throw(size, usual);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return allocate_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size, usual);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size, usual);
}
void operator delete(void* block) noexcept {
  release(block);
}
void operator delete[](void* block) noexcept {
  release(block);
}
void operator delete(void* block, std::size_t) noexcept {
  release(block);
}
void operator delete[](void* block, std::size_t) noexcept {
  release(block);
}
void operator delete(void* block, std::align_val_t) noexcept {
  release(block);
}
void operator delete[](void* block, std::align_val_t) noexcept {
  release(block);
}
void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
  release(block);
}
void operator delete[](void* block, std::size_t, std::align_val_t) noexcept {
  release(block);
}
