// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "net/socket_calls.h"

namespace tornado {

/// Bytes that wait to be sent, in blocks of the thread's pool.
class WriteQueue {
 public:
  WriteQueue() noexcept = default;
  WriteQueue(const WriteQueue&) = delete;
  WriteQueue& operator=(const WriteQueue&) = delete;
  ~WriteQueue() { clear(); }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Copies all of `bytes`, or throws std::bad_alloc and has copied nothing.
  void append(Bytes bytes);
  /// The first pieces, as many as there is room for.
  [[nodiscard]] std::size_t pieces(std::span<Bytes> out) const noexcept;
  void consume(std::size_t count) noexcept;
  void clear() noexcept;
  void swap(WriteQueue& other) noexcept {
    std::swap(first_, other.first_);
    std::swap(last_, other.last_);
    std::swap(size_, other.size_);
  }

 private:
  struct Chunk;

  void append_to_last(Bytes bytes) noexcept;
  static Chunk* new_chunk();
  static void free_chunk(Chunk* chunk) noexcept;

  Chunk* first_ = nullptr;
  Chunk* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tornado
