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
    const auto* ops = callback.release_into(to + sizeof(PackedCallback));
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
  PackedCallback(const Callback::Ops* ops, const std::source_location& where) noexcept
      : ops_(ops), where_(where) {}
  std::byte* callable() noexcept { return reinterpret_cast<std::byte*>(this + 1); }

  const Callback::Ops* ops_;
  std::source_location where_;
};
static_assert(sizeof(PackedCallback) + Callback::inline_size ==
              PackedCallback::most_bytes);

}  // namespace tornado
