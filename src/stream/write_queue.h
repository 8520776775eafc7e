// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include "net/socket_calls.h"
#include "stream/block_pool.h"

namespace tornado {

/// Bytes that wait to be sent, in blocks of the thread's pool.
class WriteQueue {
 public:
  WriteQueue() noexcept = default;
  WriteQueue(const WriteQueue&) = delete;
  WriteQueue& operator=(const WriteQueue&) = delete;
  ~WriteQueue() { clear(); }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// How much append_in_place() has room for.
  [[nodiscard]] std::size_t room_in_place() const noexcept {
    return last_ ? Chunk::room - last_->end : 0;
  }
  void append_in_place(Bytes bytes) noexcept {
    if (!bytes.empty()) {
      std::memcpy(last_->bytes() + last_->end, bytes.data(), bytes.size());
    }
    last_->end += bytes.size();
    size_ += bytes.size();
  }
  /// Copies all of `bytes`, or throws std::bad_alloc and has copied nothing.
  void append(Bytes bytes) {
    if (bytes.empty()) return;
    if (!last_ && bytes.size() <= Chunk::room) first_ = last_ = new_chunk();
    if (bytes.size() > room_in_place()) return append_in_chunks(bytes);
    append_in_place(bytes);
  }
  /// Of a queue that is not empty.
  [[nodiscard]] bool is_one_piece() const noexcept { return first_ == last_; }
  [[nodiscard]] Bytes first_piece() const noexcept { return first_->piece(); }
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
  /// The head of a block, with its bytes behind it.
  struct Chunk {
    static constexpr std::size_t header = 32;
    static constexpr std::size_t room = block_size - header;

    [[nodiscard]] std::byte* bytes() noexcept {
      return reinterpret_cast<std::byte*>(this) + header;
    }
    [[nodiscard]] Bytes piece() noexcept { return {bytes() + begin, end - begin}; }

    Chunk* next = nullptr;
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  void append_in_chunks(Bytes bytes);
  static Chunk* new_chunk();
  static void free_chunk(Chunk* chunk) noexcept;

  Chunk* first_ = nullptr;
  Chunk* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tornado
