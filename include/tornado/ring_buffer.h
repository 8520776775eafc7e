// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The storage of queues and channels.

#include <bit>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace tornado::detail {

/// Items in their order. Only reserve() allocates, so that an item that comes back has
/// a place.
template <class T>
class RingBuffer {
  static_assert(std::is_nothrow_move_constructible_v<T>,
                "an item whose move throws could be lost");

 public:
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Makes room for `count` items in all.
  void reserve(std::size_t count) {
    if (count <= slots_.size()) return;
    std::vector<std::optional<T>> larger(std::bit_ceil(count));
    for (std::size_t i = 0; i < size_; ++i) larger[i].emplace(std::move(*slot(i)));
    slots_.swap(larger);
    first_ = 0;
  }
  void push(T&& item) noexcept { slot(size_++).emplace(std::move(item)); }
  /// The item becomes the first again.
  void put_back(T&& item) noexcept {
    first_ += slots_.size() - 1;
    ++size_;
    slot(0).emplace(std::move(item));
  }
  T pop() noexcept {
    T item = std::move(*slot(0));
    slot(0).reset();
    ++first_;
    --size_;
    return item;
  }

 private:
  std::optional<T>& slot(std::size_t index) noexcept {
    return slots_[(first_ + index) & (slots_.size() - 1)];
  }

  std::vector<std::optional<T>> slots_;  // a power of two, or none
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace tornado::detail
