// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace tornado {

/// Bytes that have arrived and were not taken. While bytes come and go they stand in a
/// block of the thread's pool; a stream that waits keeps as much memory as it has
/// bytes.
class ReadBuffer {
 public:
  ReadBuffer() noexcept = default;
  ReadBuffer(const ReadBuffer&) = delete;
  ReadBuffer& operator=(const ReadBuffer&) = delete;
  ~ReadBuffer() { release(); }

  [[nodiscard]] std::size_t size() const noexcept {
    return memory_ ? memory_->end - memory_->begin : 0;
  }
  [[nodiscard]] std::string_view view() const noexcept {
    if (!memory_) return {};
    return {reinterpret_cast<const char*>(memory_) + memory_->begin, size()};
  }
  /// Where to put the next bytes. Moves what is there.
  [[nodiscard]] std::span<std::byte> room();
  void commit(std::size_t count) noexcept { memory_->end += count; }
  /// The memory of what is consumed stays until the next room() or settle().
  void consume(std::size_t count) noexcept {
    if (memory_) memory_->begin += count;
  }
  /// How many of the bytes a search has passed over.
  [[nodiscard]] std::size_t searched() const noexcept {
    return memory_ ? memory_->searched : 0;
  }
  void set_searched(std::size_t count) noexcept {
    if (memory_) memory_->searched = count;
  }
  /// The stream waits: gives back what memory it can. Without memory for that it keeps
  /// what it has.
  void settle() noexcept;

 private:
  /// The head of the memory, with the bytes behind it.
  struct Memory {
    explicit Memory(std::size_t size) noexcept : capacity(size) {}

    std::size_t capacity;  // in all; block_size: of the pool
    std::size_t begin = sizeof(Memory);
    std::size_t end = sizeof(Memory);
    std::size_t searched = 0;
  };

  [[nodiscard]] std::byte* at(std::size_t place) const noexcept {
    return reinterpret_cast<std::byte*>(memory_) + place;
  }
  void release() noexcept {
    if (memory_) free_memory();
  }
  void free_memory() noexcept;
  void move_to(std::byte* memory, std::size_t capacity) noexcept;

  Memory* memory_ = nullptr;
};

}  // namespace tornado
