// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The memory of coroutines. Not for programs.

#include <array>
#include <cstddef>
#include <new>
#include <utility>

#include "tornado/native.h"

namespace tornado::detail {

/// The frames that one thread keeps, by size, for the next coroutines. A library that
/// was built with a sanitizer keeps none.
struct FramePool {
  static constexpr std::size_t step = 16;
  static constexpr std::size_t largest = 1024;
  static constexpr std::size_t before_block = sizeof(void*);  // kept by malloc()

  struct Free {
    Free* next;
  };
  struct Size {
    Free* head;
    std::size_t room;  // for so many more
  };
  enum class Life : unsigned char { before, during, after };

  static constexpr std::size_t class_of(std::size_t size) noexcept {
    return (size + before_block + step - 1) / step;
  }
  static constexpr std::size_t size_of(std::size_t index) noexcept {
    return index * step - before_block;
  }

  std::array<Size, largest / step + 2> sizes;
  FramePool* next;  // of this thread, in another module
  Life life;
};

/// Needs no construction, and so no look at whether it was constructed. A system may
/// give each module a pool of its own.
inline constinit thread_local FramePool frame_pool{};

/// Where the pool has none.
TORNADO_API void* allocate_new_frame(std::size_t size);
/// Where the pool has no room, or is not open.
TORNADO_API void free_unkept_frame(FramePool& pool, void* frame,
                                   std::size_t size) noexcept;

inline void* allocate_frame(std::size_t size) {
  if (size > FramePool::largest) return allocate_new_frame(size);
  FramePool::Size& kept = frame_pool.sizes[FramePool::class_of(size)];
  if (!kept.head) return allocate_new_frame(size);
  ++kept.room;
  return std::exchange(kept.head, kept.head->next);
}

inline void free_frame(void* frame, std::size_t size) noexcept {
  FramePool& pool = frame_pool;
  if (size > FramePool::largest) return free_unkept_frame(pool, frame, size);
  FramePool::Size& kept = pool.sizes[FramePool::class_of(size)];
  if (kept.room == 0) return free_unkept_frame(pool, frame, size);
  --kept.room;
  kept.head = ::new (frame) FramePool::Free{kept.head};
}

}  // namespace tornado::detail
