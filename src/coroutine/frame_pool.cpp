// SPDX-License-Identifier: Apache-2.0
#include "tornado/frame_pool.h"

#include <cstddef>
#include <new>
#include <utility>

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

constexpr std::size_t most_kept = 256 * 1024;  // bytes of one size

/// Gives the frames of a thread back at its end. From then on, no frame is kept.
class OpenPools {
 public:
  OpenPools() noexcept = default;
  OpenPools(const OpenPools&) = delete;
  OpenPools& operator=(const OpenPools&) = delete;
  ~OpenPools() {
    for (FramePool* pool = first_; pool; pool = pool->next) close(*pool);
  }
  void open(FramePool& pool) noexcept {
    pool.next = std::exchange(first_, &pool);
    pool.life = FramePool::Life::during;
    for (std::size_t i = 1; i < pool.sizes.size(); ++i) {
      pool.sizes[i].room = most_kept / FramePool::size_of(i);
    }
  }

 private:
  static void close(FramePool& pool) noexcept {
    pool.life = FramePool::Life::after;
    for (FramePool::Size& size : pool.sizes) {
      size.room = 0;
      while (size.head) {
        ::operator delete(std::exchange(size.head, size.head->next));
      }
    }
  }

  FramePool* first_ = nullptr;
};

}  // namespace

void* allocate_new_frame(std::size_t size) {
  return ::operator new(FramePool::size_of(FramePool::class_of(size)));
}

void free_unkept_frame(FramePool& pool, void* frame, std::size_t size) noexcept {
  const bool open = pool.life != FramePool::Life::before;
  if (!TORNADO_POOL_FRAMES || size > FramePool::largest || open) {
    return ::operator delete(frame);
  }
  thread_local OpenPools pools;
  pools.open(pool);
  free_frame(frame, size);
}

}  // namespace tornado::detail
