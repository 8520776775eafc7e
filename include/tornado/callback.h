// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Owned callables, which need not be copyable.

#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

namespace tornado {

template <class T>
class Task;
template <class Signature, std::size_t InlineSize = 48>
class UniqueFunction;

namespace detail {

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<Task<T>> = true;

/// How a UniqueFunction treats its callable; independent of its inline size.
template <class Signature>
struct CallableOps;

template <class R, class... Args>
struct CallableOps<R(Args...)> {
  R (*invoke)(void*, Args&&...);
  void (*relocate)(void* to, void* from) noexcept;  // null: copy the bytes
  void (*destroy)(void*) noexcept;                  // null: nothing to do
  std::size_t size;  // of what is stored, in whole pointers
};

/// One CallableOps for each type of callable. A class of its own, since clang 16 needs
/// the type of these constants to be complete.
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
      callable(std::forward<Args>(args)...);
    } else {
      return callable(std::forward<Args>(args)...);
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

/// What the loop's queues ask of a callable. Not for programs.
struct CallableAccess;

}  // namespace detail

/// Owns one function, lambda or function object of the signature. It can be moved, but
/// not copied. Not thread-safe.
///
/// Callables of up to InlineSize bytes that move without throwing live inside the
/// object; larger ones cost one allocation. A null function pointer or an empty
/// std::function makes an empty object. Calling an empty object is undefined. Pointers
/// to members are refused: pass a lambda.
template <class R, class... Args, std::size_t InlineSize>
class UniqueFunction<R(Args...), InlineSize> {
 public:
  static constexpr std::size_t inline_size = InlineSize;

  UniqueFunction() noexcept = default;
  UniqueFunction(std::nullptr_t) noexcept {}  // NOLINT(google-explicit-constructor)

  template <class F, class D = std::decay_t<F>>
  requires(!std::is_same_v<D, UniqueFunction> && !std::is_member_pointer_v<D> &&
           std::is_invocable_r_v<R, D&, Args...>)
      UniqueFunction(F&& f) {  // NOLINT(google-explicit-constructor)
    static_assert(
        !(std::is_void_v<R> && detail::is_task<std::invoke_result_t<D&, Args...>>),
        "a callback does not start the task that it returns: call "
        "IOLoop::spawn_callback(task) in the callback");
    // A function itself is never null, and compilers warn of the question.
    if constexpr (!std::is_function_v<std::remove_reference_t<F>> &&
                  requires { static_cast<bool>(f == nullptr); }) {
      if (f == nullptr) return;
    }
    if constexpr (!fits<D> || sizeof(D) < copy_size)
      std::memset(storage_, 0, copy_size);
    if constexpr (fits<D>) {
      ::new (static_cast<void*>(storage_)) D(std::forward<F>(f));
      ops_ = &OpsOf::template for_inline<D>;
    } else {
      ::new (static_cast<void*>(storage_)) D*(new D(std::forward<F>(f)));
      ops_ = &OpsOf::template for_heap<D>;
    }
  }
  /// Takes the callable of a function with another inline size. A callable that does
  /// not fit moves to the heap: this may throw std::bad_alloc, and `other` keeps it.
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

  R operator()(Args... args) {  // NOLINT(performance-unnecessary-value-param)
    return ops_->invoke(storage_, std::forward<Args>(args)...);
  }

  /// Destroys the callable. The object is empty before the destructor of the callable
  /// runs, so that destructor may use the object.
  void reset() noexcept {
    if (const Ops* ops = std::exchange(ops_, nullptr); ops && ops->destroy) {
      ops->destroy(storage_);
    }
  }

 private:
  using Ops = detail::CallableOps<R(Args...)>;
  using OpsOf = detail::CallableOpsOf<R(Args...)>;
  template <class Signature, std::size_t Room>
  friend class UniqueFunction;
  friend struct detail::CallableAccess;

  // Copied whole, as a size that the compiler knows is the fastest; most callables have
  // two pointers at most.
  static constexpr std::size_t copy_size = InlineSize < 16 ? InlineSize : 16;
  template <class D>
  static constexpr bool fits =
      sizeof(D) <= InlineSize &&
      alignof(D) <= alignof(void*) && std::is_nothrow_move_constructible_v<D>;
  template <std::size_t Other>
  void take(UniqueFunction<R(Args...), Other>& other) noexcept {
    ops_ = std::exchange(other.ops_, nullptr);
    constexpr std::size_t room = InlineSize < Other ? InlineSize : Other;
    if (ops_) relocate<room>(ops_, storage_, other.storage_);
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
      std::memcpy(to, from, copy_size);
      if (ops->size > copy_size)
        std::memcpy(to + copy_size, from + copy_size, Room - copy_size);
    }
  }

  const Ops* ops_ = nullptr;
  alignas(void*) std::byte storage_[InlineSize];
};

namespace detail {

struct CallableAccess {
  template <class F>
  [[nodiscard]] static bool is_trivially_destroyed(const F& function) noexcept {
    return !function.ops_ || !function.ops_->destroy;
  }
  /// Moves the callable of `function`, which is not empty, to `to`. `to` has room for
  /// inline_size bytes and the alignment of a pointer. The operations that this returns
  /// call and destroy the callable there.
  template <class F>
  static const auto* release_into(std::byte* to, F& function) noexcept {
    const auto* const ops = std::exchange(function.ops_, nullptr);
    F::relocate(ops, to, function.storage_);
    return ops;
  }
};

}  // namespace detail

/// The callable of add_callback(), call_later() and the like.
using Callback = UniqueFunction<void()>;

}  // namespace tornado
