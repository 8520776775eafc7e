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
constexpr std::size_t most_kept = 64 * 1024;  // bytes of one size

struct Free {
  Free* next;
};

/// The frames that one thread keeps. Needs no construction, and so no look at whether
/// it was constructed.
struct Pool {
  std::array<Free*, largest / step> heads;
  std::array<std::size_t, largest / step> kept;
  bool closed;
};
constinit thread_local Pool pool{};

/// Gives the frames back at the end of the thread.
struct AtThreadEnd {
  AtThreadEnd() noexcept = default;
  AtThreadEnd(const AtThreadEnd&) = delete;
  AtThreadEnd& operator=(const AtThreadEnd&) = delete;
  ~AtThreadEnd() {
    pool.closed = true;
    for (Free*& head : pool.heads) {
      while (head) ::operator delete(std::exchange(head, head->next));
    }
  }
  void touch() noexcept {}
};
thread_local AtThreadEnd at_thread_end;

std::size_t size_class(std::size_t size) noexcept {
  return (size + step - 1) / step - 1;
}

}  // namespace

void* allocate_frame(std::size_t size) {
  if (!pooled || size > largest) return ::operator new(size);
  const std::size_t index = size_class(size);
  if (Free* const first = pool.heads[index]) {
    pool.heads[index] = first->next;
    --pool.kept[index];
    return first;
  }
  return ::operator new((index + 1) * step);
}

void free_frame(void* frame, std::size_t size) noexcept {
  if (!pooled || size > largest || pool.closed) return ::operator delete(frame);
  const std::size_t index = size_class(size);
  if (pool.kept[index] * (index + 1) * step >= most_kept) {
    return ::operator delete(frame);
  }
  if (!pool.heads[index]) at_thread_end.touch();
  ::new (frame) Free{pool.heads[index]};
  pool.heads[index] = static_cast<Free*>(frame);
  ++pool.kept[index];
}

}  // namespace tornado::detail
