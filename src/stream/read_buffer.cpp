// SPDX-License-Identifier: Apache-2.0
#include "stream/read_buffer.h"

#include <algorithm>
#include <cstring>
#include <new>

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
  if (begin_ == end_) begin_ = end_ = 0;
  if (capacity_ - end_ < least_room) {
    const std::size_t bytes = size();
    if (capacity_ >= block_size && bytes <= capacity_ / 2) {
      std::memmove(memory_, memory_ + begin_, bytes);
      begin_ = 0;
      end_ = bytes;
    } else {
      const std::size_t more = (std::max)(block_size, 2 * capacity_);
      move_to(allocate_bytes(more), more);
    }
  }
  return {memory_ + end_, capacity_ - end_};
}

void ReadBuffer::settle() noexcept {
  const std::size_t bytes = size();
  if (bytes == 0) return release();
  if (bytes > capacity_ / 2) return;
  auto* const smaller = static_cast<std::byte*>(::operator new(bytes, std::nothrow));
  if (smaller) move_to(smaller, bytes);
}

void ReadBuffer::move_to(std::byte* memory, std::size_t capacity) noexcept {
  const std::size_t bytes = size();
  if (bytes > 0) std::memcpy(memory, memory_ + begin_, bytes);
  release();
  memory_ = memory;
  capacity_ = capacity;
  end_ = bytes;
}

void ReadBuffer::release() noexcept {
  if (capacity_ == block_size) {
    free_block(memory_);
  } else {
    ::operator delete(memory_);
  }
  memory_ = nullptr;
  capacity_ = begin_ = end_ = 0;
}

}  // namespace tornado
