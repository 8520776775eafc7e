// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstddef>
#include <new>
#include <utility>

#include "tornado/task_frame.h"

// A tool that watches memory is to see each frame come and go.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TORNADO_POOL_FRAMES false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define TORNADO_POOL_FRAMES false
#endif
#endif
#ifndef TORNADO_POOL_FRAMES
#define TORNADO_POOL_FRAMES true
#endif

namespace tornado::detail {
namespace {

constexpr std::size_t step = 16;
constexpr std::size_t largest = 1024;
constexpr std::size_t before_block = sizeof(void*);  // kept by malloc()
constexpr std::size_t most_kept = 256 * 1024;        // bytes of one size

constexpr std::size_t class_of(std::size_t size) noexcept {
  return (size + before_block + step - 1) / step;
}
constexpr std::size_t size_of(std::size_t index) noexcept {
  return index * step - before_block;
}

struct Free {
  Free* next;
};

/// The frames of one size.
struct Kept {
  Free* head;
  std::size_t room;  // for so many more
};

/// The frames that one thread keeps. Needs no construction, and so no look at whether
/// it was constructed. Without room, which is so before and after its use, none.
struct Pool {
  std::array<Kept, class_of(largest) + 1> sizes;
  bool was_opened;
};
constinit thread_local Pool pool{};

/// Gives the frames back at the end of the thread.
struct OpenPool {
  OpenPool() noexcept {
    pool.was_opened = true;
    for (std::size_t i = 1; i < pool.sizes.size(); ++i) {
      pool.sizes[i].room = most_kept / size_of(i);
    }
  }
  OpenPool(const OpenPool&) = delete;
  OpenPool& operator=(const OpenPool&) = delete;
  ~OpenPool() {
    for (Kept& kept : pool.sizes) {
      kept.room = 0;
      while (kept.head) {
        ::operator delete(std::exchange(kept.head, kept.head->next));
      }
    }
  }
};

void free_unkept(void* frame, std::size_t size) noexcept {
  if (!TORNADO_POOL_FRAMES || size > largest || pool.was_opened) {
    return ::operator delete(frame);
  }
  thread_local const OpenPool open;
  free_frame(frame, size);
}

}  // namespace

void* allocate_frame(std::size_t size) {
  if (size > largest) return ::operator new(size);
  const std::size_t index = class_of(size);
  Kept& kept = pool.sizes[index];
  if (!kept.head) return ::operator new(size_of(index));
  ++kept.room;
  return std::exchange(kept.head, kept.head->next);
}

void free_frame(void* frame, std::size_t size) noexcept {
  if (size > largest) return free_unkept(frame, size);
  Kept& kept = pool.sizes[class_of(size)];
  if (kept.room == 0) return free_unkept(frame, size);
  --kept.room;
  kept.head = ::new (frame) Free{kept.head};
}

}  // namespace tornado::detail
