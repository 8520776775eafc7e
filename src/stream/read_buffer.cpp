// SPDX-License-Identifier: Apache-2.0
#include "stream/read_buffer.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "stream/block_pool.h"

namespace tornado {
namespace {

constexpr std::size_t least_room = 4096;

std::byte* allocate_bytes(std::size_t capacity) {
  if (capacity == block_size) return allocate_block();
  return static_cast<std::byte*>(::operator new(capacity));
}

}  // namespace

std::span<std::byte> ReadBuffer::room() {
  if (!memory_) move_to(allocate_block(), block_size);
  if (memory_->begin == memory_->end) memory_->begin = memory_->end = sizeof(Memory);
  if (memory_->capacity - memory_->end < least_room) {
    const std::size_t bytes = size();
    const std::size_t capacity = memory_->capacity;
    if (capacity >= block_size && bytes <= capacity / 2) {
      std::memmove(at(sizeof(Memory)), at(memory_->begin), bytes);
      memory_->begin = sizeof(Memory);
      memory_->end = sizeof(Memory) + bytes;
    } else {
      const std::size_t more = (std::max)(block_size, 2 * capacity);
      move_to(allocate_bytes(more), more);
    }
  }
  return {at(memory_->end), memory_->capacity - memory_->end};
}

void ReadBuffer::settle() noexcept {
  if (!memory_) return;
  const std::size_t bytes = size();
  if (bytes == 0) return release();
  const std::size_t capacity = sizeof(Memory) + bytes;
  if (capacity > memory_->capacity / 2) return;
  auto* const smaller = static_cast<std::byte*>(::operator new(capacity, std::nothrow));
  if (smaller) move_to(smaller, capacity);
}

void ReadBuffer::move_to(std::byte* place, std::size_t capacity) noexcept {
  auto* const memory = ::new (place) Memory(capacity);
  const std::string_view bytes = view();
  bytes.copy(reinterpret_cast<char*>(place + memory->end), bytes.size());
  memory->end += bytes.size();
  memory->searched = searched();
  release();
  memory_ = memory;
}

void ReadBuffer::free_memory() noexcept {
  auto* const memory = reinterpret_cast<std::byte*>(std::exchange(memory_, nullptr));
  if (reinterpret_cast<Memory*>(memory)->capacity == block_size) {
    free_block(memory);
  } else {
    ::operator delete(memory);
  }
}

}  // namespace tornado
