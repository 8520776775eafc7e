// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <new>
#include <source_location>
#include <utility>

#include "tornado/callback.h"

namespace tornado {

/// A callable with as many bytes as it has, and the place where it was added. The
/// callable stands behind the object, which therefore is made in a buffer only.
class PackedCallback {
 public:
  /// How many bytes pack() may need.
  static constexpr std::size_t most_bytes =
      sizeof(const void*) + sizeof(std::source_location) + Callback::inline_size;

  /// Leaves `callback`, which is not empty, so.
  static PackedCallback* pack(std::byte* to, Callback&& callback,
                              const std::source_location& where) noexcept {
    const Ops* ops =
        detail::CallableAccess::release_into(to + sizeof(PackedCallback), callback);
    return ::new (to) PackedCallback(ops, where);
  }
  static PackedCallback* at(std::byte* bytes) noexcept {
    return std::launder(reinterpret_cast<PackedCallback*>(bytes));
  }

  [[nodiscard]] const std::source_location& where() const noexcept { return where_; }
  [[nodiscard]] std::size_t bytes() const noexcept {
    return sizeof(PackedCallback) + ops_->size;
  }
  void call() { ops_->invoke(callable()); }
  void destroy() noexcept {
    if (ops_->destroy) ops_->destroy(callable());
  }

 private:
  using Ops = detail::CallableOps<void()>;

  PackedCallback(const Ops* ops, const std::source_location& where) noexcept
      : ops_(ops), where_(where) {}
  std::byte* callable() noexcept { return reinterpret_cast<std::byte*>(this + 1); }

  const Ops* ops_;
  std::source_location where_;
};
static_assert(sizeof(PackedCallback) + Callback::inline_size ==
              PackedCallback::most_bytes);

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
    last_->end +=
        PackedCallback::pack(last_->bytes + last_->end, std::move(callback), where)
            ->bytes();
    ++size_;
  }
  // Unless empty.
  [[nodiscard]] PackedCallback& front() noexcept { return *first_->front(); }
  void pop_front() noexcept {
    const std::size_t bytes = front().bytes();
    front().destroy();
    first_->begin += bytes;
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
  struct Chunk {
    static constexpr std::size_t room = 4096 - 32;
    static constexpr std::size_t last_start = room - PackedCallback::most_bytes;

    PackedCallback* front() noexcept { return PackedCallback::at(bytes + begin); }

    Chunk* next = nullptr;  // not of the last
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
