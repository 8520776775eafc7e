// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstddef>
#include <new>
#include <utility>

#include "tornado/coroutine_frame.h"

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

constexpr bool pooled = TORNADO_POOL_FRAMES;
constexpr std::size_t step = 32;
constexpr std::size_t largest = 1024;
constexpr std::size_t most_kept = 256 * 1024;  // bytes of one size

struct Free {
  Free* next;
  std::size_t kept;  // bytes of this block and of those behind it
};

/// The frames that one thread keeps. Needs no construction, and so no look at whether
/// it was constructed.
struct Pool {
  enum class Life : unsigned char { before, during, after };
  std::array<Free*, largest / step> heads;
  Life life;
};
constinit thread_local Pool pool{};

/// Gives the frames back at the end of the thread.
struct AtThreadEnd {
  AtThreadEnd() noexcept { pool.life = Pool::Life::during; }
  AtThreadEnd(const AtThreadEnd&) = delete;
  AtThreadEnd& operator=(const AtThreadEnd&) = delete;
  ~AtThreadEnd() {
    pool.life = Pool::Life::after;
    for (Free*& head : pool.heads) {
      while (head) ::operator delete(std::exchange(head, head->next));
    }
  }
};

/// False at the end of the thread: frames are kept no more.
bool open_pool() noexcept {
  if (pool.life == Pool::Life::after) return false;
  thread_local const AtThreadEnd at_thread_end;
  return true;
}

std::size_t size_class(std::size_t size) noexcept {
  return (size + step - 1) / step - 1;
}

}  // namespace

void* allocate_frame(std::size_t size) {
  if (!pooled || size > largest) return ::operator new(size);
  const std::size_t index = size_class(size);
  Free*& head = pool.heads[index];
  if (head) return std::exchange(head, head->next);
  return ::operator new((index + 1) * step);
}

void free_frame(void* frame, std::size_t size) noexcept {
  if (!pooled || size > largest) return ::operator delete(frame);
  if (pool.life != Pool::Life::during && !open_pool()) return ::operator delete(frame);
  const std::size_t index = size_class(size);
  Free*& head = pool.heads[index];
  const std::size_t kept = (head ? head->kept : 0) + (index + 1) * step;
  if (kept > most_kept) return ::operator delete(frame);
  head = ::new (frame) Free{head, kept};
}

}  // namespace tornado::detail
