// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// A coroutine that gives items one after the other, and awaits between them.

#include <concepts>
#include <coroutine>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include "tornado/task.h"

namespace tornado {
namespace detail {

class GeneratorOwner;
class NextItem;

/// The coroutine of a generator, whatever its items. While a task awaits an item, the
/// frame is the child of that task. Otherwise it belongs to no task and no scope.
class TORNADO_API GeneratorFrame : public Promise<void> {
 public:
  /// What `co_yield` waits for: the next call of next().
  class YieldAwait {
   public:
    explicit YieldAwait(GeneratorFrame& frame) noexcept : frame_(frame) {}
    bool await_ready() const;
    void await_suspend(std::coroutine_handle<>) noexcept;
    void await_resume() const noexcept {}

   private:
    GeneratorFrame& frame_;
  };

 private:
  friend class GeneratorOwner;
  friend class NextItem;
  NextItem* next_ = nullptr;  // the wait for an item
};

/// The part of a generator that does not depend on the type of its items.
class TORNADO_API GeneratorOwner {
 public:
  GeneratorOwner(GeneratorOwner&& other) noexcept { take(other); }
  GeneratorOwner& operator=(GeneratorOwner&& other) noexcept;

 protected:
  explicit GeneratorOwner(GeneratorFrame& frame) noexcept : frame_(&frame) {}
  ~GeneratorOwner() { destroy(); }

 private:
  friend class NextItem;
  void take(GeneratorOwner& other) noexcept;
  void destroy() noexcept;
  void end() noexcept;

  GeneratorFrame* frame_ = nullptr;  // null once the coroutine has ended
  bool lost_ = false;                // it did not end by itself
};

/// The wait for an item.
class TORNADO_API NextItem : public Suspension {
 public:
  bool ready();
  void suspend() noexcept;
  bool withdraw() noexcept final { return false; }
  TaskFrame* child() const noexcept final { return frame_; }
  void forget_child() noexcept final;
  std::string describe() const final { return {}; }

 protected:
  explicit NextItem(GeneratorOwner& owner) noexcept : owner_(&owner) {}
  ~NextItem();
  /// The frame, if it has an item. Throws what the coroutine has thrown.
  GeneratorFrame* take();

 private:
  friend class GeneratorOwner;
  GeneratorOwner* owner_;            // null once it was destroyed
  GeneratorFrame* frame_ = nullptr;  // from suspend() until the item is there
};

}  // namespace detail

/// A coroutine that gives items by `co_yield`, and may await in between:
///
///   AsyncGenerator<int> count(int last) {
///     for (int i = 1; i <= last; ++i) {
///       co_await tornado::sleep(1s);
///       co_yield i;
///     }
///   }
///   AsyncGenerator<int> numbers = count(3);
///   while (const std::optional<int> n = co_await numbers.next()) use(*n);
///
/// The coroutine runs only while a task awaits next(), as a part of that task: a
/// cancellation and a deadline of the task reach it, and its exceptions leave the
/// await. A task that is destroyed in the await destroys the coroutine.
///
/// The object owns the coroutine. Destroying it runs the destructors of the coroutine's
/// locals, where the coroutine is suspended. A task that awaits an item then gets
/// Errc::abandoned. A coroutine that destroys its own generator goes on as a cancelled
/// task, and its next `co_yield` throws Cancelled.
///
/// Belongs to the thread of the loop whose tasks await it. May outlive the loop.
/// Parameters of reference type must outlive the generator. A lambda with captures
/// cannot be a generator, as the captures die with the lambda: pass them as arguments.
template <class T>
class [[nodiscard]] AsyncGenerator : public detail::GeneratorOwner {
  static_assert(std::is_object_v<T> && !std::is_const_v<T>, "the items are values");

 public:
  using value_type = T;

  class Next;
  class Frame;
  template <class... Args>
  class FrameOf;

  /// Gives the next item, or nothing after the last item and after an exception. Only
  /// one task at a time may await it; another gets std::errc::operation_in_progress.
  /// Throws Errc::abandoned if the generator, or the task that awaited the item before,
  /// was destroyed during the wait.
  [[nodiscard]] Next next() noexcept { return Next(*this); }

 private:
  using GeneratorOwner::GeneratorOwner;
};

/// What the compiler makes the coroutine of.
template <class T>
class AsyncGenerator<T>::Frame : public detail::GeneratorFrame {
 public:
  template <class U = T>
  requires std::constructible_from<T, U> YieldAwait yield_value(U&& item) {
    item_.emplace(std::forward<U>(item));
    return YieldAwait(*this);
  }
  T take_item() {
    T item(std::move(*item_));
    item_.reset();
    return item;
  }

 private:
  std::optional<T> item_;
};

/// A frame knows from its parameters whether a closure began the coroutine.
template <class T>
template <class... Args>
class AsyncGenerator<T>::FrameOf final : public Frame {
 public:
  AsyncGenerator get_return_object(
      std::source_location here = std::source_location::current()) noexcept {
    static_assert(!detail::of_closure<Args...>,
                  "a generator outlives the captures of its lambda: pass them as "
                  "arguments");
    static_assert(
        !detail::takes_temporary<Args...>,
        "a generator outlives an argument that is a temporary: take T instead "
        "of T&&");
    static_assert(alignof(FrameOf) <= 2 * sizeof(void*),
                  "coroutine frames are not aligned for these items");
    this->function = here;
    return AsyncGenerator(*this);
  }
};

template <class T>
class AsyncGenerator<T>::Next final : public detail::NextItem {
 public:
  explicit Next(AsyncGenerator& generator) noexcept : NextItem(generator) {}
  std::optional<T> result() {
    auto* const coroutine = static_cast<Frame*>(this->take());
    if (!coroutine) return std::nullopt;
    return coroutine->take_item();
  }
};

}  // namespace tornado

template <class T, class... Args>
struct std::coroutine_traits<tornado::AsyncGenerator<T>, Args...> {
  using promise_type = typename tornado::AsyncGenerator<T>::template FrameOf<Args...>;
};
