// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// A callable that is owned, moved and called, and need not be copyable.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace tornado {

template <class Signature, std::size_t InlineSize = 48>
class UniqueFunction;

/// How a UniqueFunction treats what it holds; the same however much room it has.
template <class Signature>
struct CallableOps;

template <class R, class... Args>
struct CallableOps<R(Args...)> {
  R (*invoke)(void*, Args&&...);
  void (*relocate)(void* to, void* from) noexcept;  // null: copy the bytes
  void (*destroy)(void*) noexcept;                  // null: nothing to do
  std::size_t size;  // of what is stored, in whole pointers
};

/// One CallableOps for each type that is held. Apart, since they are constants of a
/// type that has to be complete (clang 16).
template <class Signature>
struct CallableOpsOf;

template <class R, class... Args>
struct CallableOpsOf<R(Args...)> {
  template <class D>
  static D* object(void* storage) noexcept {
    return std::launder(static_cast<D*>(storage));
  }
  template <class D>
  static R call(D& callable, Args&&... args) {
    if constexpr (std::is_void_v<R>) {
      std::invoke(callable, std::forward<Args>(args)...);
    } else {
      return std::invoke(callable, std::forward<Args>(args)...);
    }
  }
  template <class D>
  static R invoke_inline(void* storage, Args&&... args) {
    return call(*object<D>(storage), std::forward<Args>(args)...);
  }
  template <class D>
  static void relocate_inline(void* to, void* from) noexcept {
    ::new (to) D(std::move(*object<D>(from)));
    object<D>(from)->~D();
  }
  template <class D>
  static void destroy_inline(void* storage) noexcept {
    object<D>(storage)->~D();
  }
  template <class D>
  static R invoke_heap(void* storage, Args&&... args) {
    return call(**object<D*>(storage), std::forward<Args>(args)...);
  }
  template <class D>
  static void destroy_heap(void* storage) noexcept {
    delete *object<D*>(storage);
  }

  template <class D>
  static constexpr bool trivial =
      std::is_trivially_copyable_v<D>&& std::is_trivially_destructible_v<D>;
  template <class D>
  static constexpr CallableOps<R(Args...)> for_inline = {
      &invoke_inline<D>, trivial<D> ? nullptr : &relocate_inline<D>,
      trivial<D> ? nullptr : &destroy_inline<D>,
      (sizeof(D) + sizeof(void*) - 1) / sizeof(void*) * sizeof(void*)};
  template <class D>
  static constexpr CallableOps<R(Args...)> for_heap = {&invoke_heap<D>, nullptr,
                                                       &destroy_heap<D>, sizeof(void*)};
};

/// Holds any callable of the signature. Callables of up to InlineSize bytes that move
/// without throwing live inside; larger ones cost one allocation. Calling an empty one
/// is undefined; a null function pointer or an empty std::function makes an empty one.
/// Not thread-safe.
template <class R, class... Args, std::size_t InlineSize>
class UniqueFunction<R(Args...), InlineSize> {
 public:
  using Ops = CallableOps<R(Args...)>;
  using OpsOf = CallableOpsOf<R(Args...)>;
  static constexpr std::size_t inline_size = InlineSize;

  UniqueFunction() noexcept = default;
  UniqueFunction(std::nullptr_t) noexcept {}  // NOLINT(google-explicit-constructor)

  template <class F, class D = std::decay_t<F>>
  requires(!std::is_same_v<D, UniqueFunction> && std::is_invocable_r_v<R, D&, Args...>)
      UniqueFunction(F&& f) {  // NOLINT(google-explicit-constructor)
    // A function itself is never null, and compilers warn of the question.
    if constexpr (!std::is_function_v<std::remove_reference_t<F>> &&
                  requires { static_cast<bool>(f == nullptr); }) {
      if (f == nullptr) return;
    }
    if constexpr (!fits<D> || sizeof(D) < few) std::memset(storage_, 0, few);
    if constexpr (fits<D>) {
      ::new (static_cast<void*>(storage_)) D(std::forward<F>(f));
      ops_ = &OpsOf::template for_inline<D>;
    } else {
      ::new (static_cast<void*>(storage_)) D*(new D(std::forward<F>(f)));
      ops_ = &OpsOf::template for_heap<D>;
    }
  }
  /// One with another room. What does not fit goes to the heap: then this may throw
  /// std::bad_alloc, and `other` keeps it.
  template <std::size_t Other>
  requires(Other != InlineSize) UniqueFunction(  // NOLINT(google-explicit-constructor)
      UniqueFunction<R(Args...), Other>&& other) {
    take_or_box(other);
  }
  template <std::size_t Other>
  requires(Other != InlineSize) UniqueFunction& operator=(
      UniqueFunction<R(Args...), Other>&& other) {
    reset();
    take_or_box(other);
    return *this;
  }

  UniqueFunction(UniqueFunction&& other) noexcept { take(other); }
  UniqueFunction& operator=(UniqueFunction&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  ~UniqueFunction() { reset(); }

  explicit operator bool() const noexcept { return ops_ != nullptr; }
  /// Whether to destroy what it holds is to do nothing.
  [[nodiscard]] bool is_plain() const noexcept { return !ops_ || !ops_->destroy; }

  R operator()(Args... args) {  // NOLINT(performance-unnecessary-value-param)
    return ops_->invoke(storage_, std::forward<Args>(args)...);
  }

  /// Moves what is stored to `to`, which has room for inline_size bytes and is aligned
  /// as a pointer; what is returned calls and destroys it there. Not for empty ones.
  const Ops* release_into(std::byte* to) noexcept {
    const Ops* ops = std::exchange(ops_, nullptr);
    relocate(ops, to, storage_);
    return ops;
  }

  /// Destroys the callable. The object is empty before the destructor runs, which may
  /// therefore use it.
  void reset() noexcept {
    if (const Ops* ops = std::exchange(ops_, nullptr); ops && ops->destroy) {
      ops->destroy(storage_);
    }
  }

 private:
  template <class Signature, std::size_t Room>
  friend class UniqueFunction;

  // Copied whole, as a size that the compiler knows is the fastest; most callables are
  // of two pointers at most.
  static constexpr std::size_t few = InlineSize < 16 ? InlineSize : 16;
  template <class D>
  static constexpr bool fits =
      sizeof(D) <= InlineSize &&
      alignof(D) <= alignof(void*) && std::is_nothrow_move_constructible_v<D>;
  template <std::size_t Other>
  void take(UniqueFunction<R(Args...), Other>& other) noexcept {
    ops_ = std::exchange(other.ops_, nullptr);
    if (ops_) relocate<(std::min)(InlineSize, Other)>(ops_, storage_, other.storage_);
  }
  template <std::size_t Other>
  void take_or_box(UniqueFunction<R(Args...), Other>& other) {
    if (!other.ops_ || other.ops_->size <= InlineSize) {
      take(other);
    } else {
      using Boxed = UniqueFunction<R(Args...), Other>;
      ::new (static_cast<void*>(storage_)) Boxed*(new Boxed(std::move(other)));
      ops_ = &OpsOf::template for_heap<Boxed>;
    }
  }
  // Both places have that much room.
  template <std::size_t Room = InlineSize>
  static void relocate(const Ops* ops, std::byte* to, std::byte* from) noexcept {
    if (ops->relocate) {
      ops->relocate(to, from);
    } else {
      std::memcpy(to, from, few);
      if (ops->size > few) std::memcpy(to + few, from + few, Room - few);
    }
  }

  const Ops* ops_ = nullptr;
  alignas(void*) std::byte storage_[InlineSize];
};

/// What add_callback, call_later and their kin take.
using Callback = UniqueFunction<void()>;

}  // namespace tornado
