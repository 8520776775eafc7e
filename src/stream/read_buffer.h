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

  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] std::string_view view() const noexcept {
    return {reinterpret_cast<const char*>(memory_) + begin_, size()};
  }
  /// Where to put the next bytes. Moves what is there.
  [[nodiscard]] std::span<std::byte> room();
  void commit(std::size_t count) noexcept { end_ += count; }
  /// The memory of what is consumed stays until the next room() or settle().
  void consume(std::size_t count) noexcept { begin_ += count; }
  /// The stream waits: gives back what memory it can. Without memory for that it keeps
  /// what it has.
  void settle() noexcept;

 private:
  void release() noexcept;
  void move_to(std::byte* memory, std::size_t capacity) noexcept;

  std::byte* memory_ = nullptr;
  std::size_t capacity_ = 0;  // block_size: of the pool
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace tornado
