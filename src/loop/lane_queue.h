// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <utility>

#include "loop/callback_list.h"

namespace tornado {

/// One thread pushes, one takes: first in, first out.
///
/// Callbacks are packed into chunks, as in CallbackList, and how many there are is the
/// only thing that both threads look at. What the taker has emptied goes back to the
/// pusher, so that memory is not got on one thread and freed on the other.
template <class Atomics, std::size_t ChunkBytes = 4096>
class LaneQueue {
 public:
  LaneQueue() : first_(new Chunk), last_(first_) {}
  LaneQueue(const LaneQueue&) = delete;
  LaneQueue& operator=(const LaneQueue&) = delete;
  ~LaneQueue() {
    while (taken_ != pushed()) pop_front();
    drop(first_);
    drop(spare_);
    drop(returned_.load(std::memory_order_acquire));
  }

  // The pusher.

  /// Leaves `callback` empty. If it throws, for want of memory, nothing has changed.
  void push(Callback&& callback, const std::source_location& where) {
    if (end_ > Chunk::last_start) add_chunk();
    end_ +=
        PackedCallback::pack(last_->bytes + end_, std::move(callback), where)->bytes();
    Atomics::publish(pushed_, ++count_);
  }
  /// Nothing will be pushed any more.
  void abandon() noexcept { abandoned_.store(true, std::memory_order_release); }

  // The taker.

  /// How many were ever pushed, modulo 2^32.
  [[nodiscard]] std::uint32_t pushed() const noexcept {
    return pushed_.load(std::memory_order_seq_cst);
  }
  [[nodiscard]] std::uint32_t taken() const noexcept { return taken_; }
  /// Look at this first, and then whether something was pushed.
  [[nodiscard]] bool abandoned() const noexcept {
    return abandoned_.load(std::memory_order_acquire);
  }

  // While taken() < pushed().
  [[nodiscard]] PackedCallback& front() noexcept {
    // The pusher goes on to a new chunk by the same rule.
    if (begin_ > Chunk::last_start) drop_chunk();
    return *PackedCallback::at(first_->bytes + begin_);
  }
  void pop_front() noexcept {
    const std::size_t bytes = front().bytes();
    front().destroy();
    begin_ += bytes;
    ++taken_;
  }

 private:
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;
  template <class T>
  using NonAtomic = typename Atomics::template NonAtomic<T>;

  struct Chunk {
    static constexpr std::size_t room = ChunkBytes - 16;
    static constexpr std::size_t last_start = room - PackedCallback::most_bytes;
    Chunk() { next = nullptr; }

    NonAtomic<Chunk*> next;
    alignas(void*) std::byte bytes[room];
  };
  static constexpr std::uint32_t most_returned = 256;

  void add_chunk() {
    if (!spare_) {
      spare_ = returned_.exchange(nullptr, std::memory_order_acquire);
      returned_count_.store(0, std::memory_order_relaxed);
    }
    Chunk* chunk = spare_;
    if (chunk) {
      spare_ = chunk->next;
      chunk->next = nullptr;
    } else {
      chunk = new Chunk;
    }
    last_->next = chunk;
    last_ = chunk;
    end_ = 0;
  }

  void drop_chunk() noexcept {
    Chunk* chunk = first_;
    first_ = chunk->next;
    begin_ = 0;
    const std::uint32_t returned = returned_count_.load(std::memory_order_relaxed);
    if (returned >= most_returned) {
      delete chunk;
      return;
    }
    returned_count_.store(returned + 1, std::memory_order_relaxed);
    Chunk* next = returned_.load(std::memory_order_relaxed);
    do {
      chunk->next = next;
    } while (!returned_.compare_exchange_weak(next, chunk, std::memory_order_release,
                                              std::memory_order_relaxed));
  }

  static void drop(Chunk* list) noexcept {
    while (list) {
      Chunk* next = list->next;
      delete std::exchange(list, next);
    }
  }

  // Each side's own, on cache lines of its own; the last is shared.
  alignas(64) Chunk* first_;
  std::size_t begin_ = 0;
  std::uint32_t taken_ = 0;

  alignas(64) Chunk* last_;
  std::size_t end_ = 0;
  Chunk* spare_ = nullptr;
  std::uint32_t count_ = 0;
  Atomic<std::uint32_t> pushed_{0};
  Atomic<bool> abandoned_{false};

  alignas(64) Atomic<Chunk*> returned_{nullptr};
  Atomic<std::uint32_t> returned_count_{0};
};

}  // namespace tornado
