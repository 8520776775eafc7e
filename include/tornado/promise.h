// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// What the compiler makes a coroutine of. Programs use tornado/task.h.

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>
#include <variant>

#include "tornado/coroutine_frame.h"
#include "tornado/foreign_await.h"

namespace tornado {

template <class T>
class Task;

namespace detail {

/// What a task of T keeps until it is awaited: T, a pointer for a reference, or
/// nothing.
template <class T>
using TaskValue = std::conditional_t<
    std::is_void_v<T>, std::monostate,
    std::conditional_t<std::is_reference_v<T>,
                       std::add_pointer_t<std::remove_reference_t<T>>,
                       std::remove_const_t<T>>>;

/// Awaits a child task: the parent goes on when the child has ended.
template <class T>
class TaskAwait;

/// A wait of this library: `bool ready()` may end it at once, `void suspend()` begins
/// it, and `result()` is what the await gives. Some have `bool at_once()`: the result
/// is there, and nothing is to be given back.
template <class A>
concept Leaf = std::derived_from<std::remove_reference_t<A>, Suspension> &&
    requires(std::remove_reference_t<A>& leaf) {
  { leaf.ready() } -> std::same_as<bool>;
  leaf.suspend();
  leaf.result();
};

/// What the compiler is given in the place of a Leaf. A small value that refers to the
/// leaf: g++ 12 copies awaiters that are returned by reference.
template <class L>
class LeafAwait {
 public:
  LeafAwait(L& leaf, TaskFrame& frame) noexcept : leaf_(leaf) { leaf.frame = &frame; }

  bool await_ready() {
    TaskFrame& frame = *leaf_.frame;
    if (frame.scope->cancelled()) return leaf_.over = leaf_.cancelled = true;
    TaskScheduler& scheduler = *frame.scope->scheduler();
    if constexpr (requires { leaf_.at_once(); }) {
      if (scheduler.has_budget(L::cost) && leaf_.at_once()) {
        return scheduler.may_go_on(L::cost);
      }
    }
    leaf_.over = leaf_.ready();
    if constexpr (requires { L::cost; }) {
      return leaf_.over && scheduler.may_go_on(L::cost);
    } else {
      return leaf_.over && scheduler.may_go_on();
    }
  }
  void await_suspend(std::coroutine_handle<>) {
    TaskFrame& frame = *leaf_.frame;
    TaskScheduler& scheduler = *frame.scope->scheduler();
    frame.since = scheduler.now();
    if (leaf_.over) {
      scheduler.make_ready(frame);
    } else {
      leaf_.suspend();
    }
    frame.wait_for(&leaf_);
    // By what the leaf called as the wait began.
    if (frame.scope->cancelled()) scheduler.withdraw(frame);
  }
  decltype(auto) await_resume() {
    TaskFrame& frame = *leaf_.frame;
    frame.wait_for(nullptr);
    if (leaf_.cancelled) throw Cancelled(frame.scope->why());
    return leaf_.result();
  }

 private:
  L& leaf_;
};

/// True if a coroutine is the call operator of a closure with state. The closure may
/// end before the task does.
template <class...>
inline constexpr bool of_closure = false;
struct HasCall {
  void operator()();
};
template <class T>
struct WithCall : T, HasCall {};
template <class First, class... Rest>
inline constexpr bool of_closure<First&, Rest...> = [] {
  using C = std::remove_cv_t<First>;
  if constexpr (std::is_class_v<C> && !std::is_empty_v<C> && !std::is_final_v<C>) {
    // Ambiguous, and so not to be named, if C has a call operator, even a template.
    return !requires {
      &WithCall<C>::operator();
    };
  } else {
    return false;
  }
}();

/// Whether a coroutine has a parameter that refers to a temporary.
template <class... Args>
inline constexpr bool takes_temporary = (std::is_rvalue_reference_v<Args> || ...);

template <class T>
class PromiseResult : public TaskFrame {
 public:
  template <class U = T>
  requires std::constructible_from<TaskValue<T>, U>
  void return_value(U&& value) { value_.emplace(std::forward<U>(value)); }
  T take() {
    this->rethrow_failure();
    return std::move(*value_);
  }

 private:
  std::optional<TaskValue<T>> value_;
};

template <class T>
class PromiseResult<T&> : public TaskFrame {
 public:
  void return_value(T& value) noexcept { value_ = &value; }
  T& take() {
    this->rethrow_failure();
    return *value_;
  }

 private:
  T* value_ = nullptr;
};

template <>
class PromiseResult<void> : public TaskFrame {
 public:
  void return_void() noexcept {}
  void take() { this->rethrow_failure(); }
};

/// What a coroutine awaits last. Empty, as each frame holds one.
struct FinalAwait {
  bool await_ready() noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> ended) noexcept {
    ended.promise().finish();
  }
  void await_resume() noexcept {}
};

template <class T>
class Promise : public PromiseResult<T> {
 public:
  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept {
    free_frame(frame, size);
  }

  std::suspend_always initial_suspend() noexcept { return {}; }
  FinalAwait final_suspend() noexcept { return {}; }
  void unhandled_exception() { this->keep_exception(); }

  template <class U>
  TaskAwait<U> await_transform(
      Task<U>&& task, std::source_location here = std::source_location::current());
  template <class U>
  void await_transform(Task<U>&) = delete;  // co_await std::move(task)

  template <Leaf L>
  LeafAwait<std::remove_reference_t<L>> await_transform(
      L&& leaf, std::source_location here = std::source_location::current()) noexcept {
    this->where = here;
    return {leaf, *this};
  }

  template <class A>
  requires(!Leaf<A>) ForeignAwait<A> await_transform(
      A&& awaitable, std::source_location here = std::source_location::current()) {
    this->where = here;
    return ForeignAwait<A>(std::forward<A>(awaitable), *this);
  }
};

/// A promise knows from its parameters whether a closure began the coroutine.
template <class T, class... Args>
class PromiseOf final : public Promise<T> {
 public:
  Task<T> get_return_object(
      std::source_location here = std::source_location::current()) noexcept {
    static_assert(alignof(PromiseOf) <= 2 * sizeof(void*),
                  "coroutine frames are not aligned for this result");
    this->function = here;
    this->of_closure = detail::of_closure<Args...>;
    this->of_temporary = takes_temporary<Args...>;
    return Task<T>(*this);
  }
};

}  // namespace detail
}  // namespace tornado
