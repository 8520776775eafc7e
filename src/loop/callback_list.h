// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <source_location>
#include <utility>

#include "tornado/callback.h"

namespace tornado {

/// Callbacks, and the places where they were added: first in, first out.
///
/// Packed one behind the other into chunks, each with as many bytes as its callable
/// has: two to a cache line, as a rule. What a post costs are the lines that must
/// travel to another processor, and page faults; so nothing is written twice, nothing
/// moves when the list grows or is joined to another, and chunks are used again.
class CallbackList {
 public:
  CallbackList() = default;
  CallbackList(CallbackList&& other) noexcept { swap(other); }
  CallbackList& operator=(CallbackList&& other) noexcept {
    CallbackList(std::move(other)).swap(*this);
    return *this;
  }
  ~CallbackList();

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Leaves `callback` empty. If it throws, for want of memory, nothing has changed.
  void push_back(Callback&& callback, const std::source_location& where) {
    if (!last_ || last_->end > Chunk::last_start) add_chunk();
    const Callback::Ops* ops = std::exchange(callback.ops_, nullptr);
    auto* item = ::new (last_->bytes + last_->end) Item{ops, where};
    callback.relocate(ops, item->callable(), callback.storage_);
    last_->end += sizeof(Item) + ops->size;
    ++size_;
  }
  [[nodiscard]] const std::source_location& front_where() const noexcept {
    return first_->front()->where;
  }
  void call_front() {
    Item* item = first_->front();
    item->ops->invoke(item->callable());
  }
  void pop_front() noexcept {
    Item* item = first_->front();
    const std::size_t size = sizeof(Item) + item->ops->size;
    if (item->ops->destroy) item->ops->destroy(item->callable());
    first_->begin += size;
    --size_;
    if (first_->begin == first_->end) drop_chunk();
  }

  /// Takes over what `other` has, behind what is here.
  void append(CallbackList& other) noexcept;
  void swap(CallbackList& other) noexcept {
    std::swap(first_, other.first_);
    std::swap(last_, other.last_);
    std::swap(spare_, other.spare_);
    std::swap(size_, other.size_);
    std::swap(spares_, other.spares_);
  }

 private:
  /// Followed by the callable.
  struct Item {
    const Callback::Ops* ops;
    std::source_location where;
    std::byte* callable() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  };
  struct Chunk {
    static constexpr std::size_t room = 4096 - 32;
    static constexpr std::size_t last_start =
        room - sizeof(Item) - Callback::inline_size;

    Item* front() noexcept {
      return std::launder(reinterpret_cast<Item*>(bytes + begin));
    }

    Chunk* next = nullptr;
    std::size_t begin = 0;
    std::size_t end = 0;
    alignas(void*) std::byte bytes[room];
  };
  static constexpr std::size_t most_spares = 256;  // a mebibyte

  void add_chunk();
  void drop_chunk() noexcept;

  Chunk* first_ = nullptr;
  Chunk* last_ = nullptr;
  Chunk* spare_ = nullptr;
  std::size_t size_ = 0;
  std::size_t spares_ = 0;
};

}  // namespace tornado
