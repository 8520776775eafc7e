// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Coroutines that a loop runs.

#include <concepts>
#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>
#include <variant>

#include "tornado/coroutine_frame.h"
#include "tornado/foreign_await.h"
#include "tornado/ioloop.h"

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
/// it, and `result()` is what the await gives.
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
  LeafAwait(L& leaf, TaskFrame& frame) noexcept : leaf_(leaf), frame_(frame) {}

  bool await_ready() {
    if (frame_.scope->cancelled()) return leaf_.cancelled = true;
    leaf_.frame = &frame_;
    ready_ = leaf_.ready();
    return ready_ && frame_.scope->scheduler()->may_go_on();
  }
  void await_suspend(std::coroutine_handle<>) {
    TaskScheduler& scheduler = *frame_.scope->scheduler();
    frame_.since = scheduler.now();
    if (ready_) {
      leaf_.over = true;
      scheduler.make_ready(frame_);
    } else {
      leaf_.suspend();
    }
    frame_.suspension = &leaf_;
  }
  decltype(auto) await_resume() {
    frame_.suspension = nullptr;
    if (leaf_.cancelled) throw Cancelled(frame_.scope->why());
    return leaf_.result();
  }

 private:
  L& leaf_;
  TaskFrame& frame_;
  bool ready_ = false;
};

/// Whether a coroutine is the call of a closure with state, by reference as objects are
/// called. The closure may end before the task does.
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

template <class T>
class PromiseResult : public TaskFrame {
 public:
  template <class U = T>
  requires std::constructible_from<TaskValue<T>, U>
  void return_value(U&& value) { value_.emplace(std::forward<U>(value)); }
  T take() {
    if (exception) std::rethrow_exception(exception);
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
    if (exception) std::rethrow_exception(exception);
    return *value_;
  }

 private:
  T* value_ = nullptr;
};

template <>
class PromiseResult<void> : public TaskFrame {
 public:
  void return_void() noexcept {}
  void take() {
    if (exception) std::rethrow_exception(exception);
  }
};

template <class T>
class Promise : public PromiseResult<T> {
 public:
  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept {
    free_frame(frame, size);
  }

  std::suspend_always initial_suspend() noexcept { return {}; }
  auto final_suspend() noexcept {
    struct Finish {
      bool await_ready() noexcept { return false; }
      void await_suspend(std::coroutine_handle<>) noexcept { frame.finish(); }
      void await_resume() noexcept {}
      TaskFrame& frame;
      explicit Finish(TaskFrame& f) noexcept : frame(f) {}
    };
    return Finish(*this);
  }
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
    this->handle = std::coroutine_handle<PromiseOf>::from_promise(*this);
    this->function = here;
    this->of_closure = detail::of_closure<Args...>;
    return Task<T>(*this);
  }
};

}  // namespace detail

/// A coroutine that gives a T. It begins when it is awaited, or when a loop or a group
/// starts it; until then nothing of it has run. It has one owner and is awaited once,
/// as an rvalue: `co_await f()` or `co_await std::move(task)`.
///
/// A task runs on the thread of one loop. An exception that leaves it is thrown by the
/// await. Destroying a task ends it where it is suspended and runs its destructors; the
/// tasks that it awaits are destroyed first.
///
/// Parameters of reference type must outlive the task. A task of a lambda with captures
/// must be awaited in the expression that makes it: the captures die with the lambda.
template <class T = void>
class [[nodiscard]] Task {
 public:
  using value_type = T;

  Task(Task&& other) noexcept : promise_(std::exchange(other.promise_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    Task(std::move(other)).swap(*this);
    return *this;
  }
  ~Task() {
    if (promise_) detail::discard(*promise_);
  }
  void swap(Task& other) noexcept { std::swap(promise_, other.promise_); }

  /// False once it has been awaited, started or moved from.
  [[nodiscard]] explicit operator bool() const noexcept { return promise_ != nullptr; }

  /// For the library.
  [[nodiscard]] detail::TaskFrame* frame() const noexcept { return promise_; }
  /// For the library: the caller owns the frame.
  [[nodiscard]] detail::Promise<T>* release() noexcept {
    return std::exchange(promise_, nullptr);
  }

 private:
  template <class, class...>
  friend class detail::PromiseOf;
  explicit Task(detail::Promise<T>& promise) noexcept : promise_(&promise) {}

  detail::Promise<T>* promise_;
};

namespace detail {

template <class T>
class TaskAwait final : public Suspension {
 public:
  TaskAwait(Promise<T>* task, TaskFrame& parent) noexcept : task_(task) {
    frame = &parent;
  }
  ~TaskAwait() {
    if (task_) task_->handle.destroy();
  }

  bool await_ready() noexcept {
    return cancelled = frame->scope->cancelled() && !task_->shielded;
  }
  void await_suspend(std::coroutine_handle<>) noexcept {
    TaskScheduler& scheduler = *frame->scope->scheduler();
    task_->parent = frame;
    task_->scope = task_->shielded ? &scheduler.shield() : frame->scope;
    task_->begun = true;
    frame->since = scheduler.now();
    frame->suspension = this;
    if (scheduler.may_go_on()) {
      scheduler.go_on_with(*task_);
    } else {
      scheduler.make_ready(*task_);
    }
  }
  T await_resume() {
    frame->suspension = nullptr;
    if (cancelled) throw Cancelled(frame->scope->why());
    return task_->take();
  }

  bool withdraw() noexcept override { return false; }
  TaskFrame* child() const noexcept override { return task_; }
  void forget_child() noexcept override { task_ = nullptr; }
  std::string describe() const override { return {}; }

 private:
  Promise<T>* task_;
};

template <class T>
template <class U>
TaskAwait<U> Promise<T>::await_transform(Task<U>&& task, std::source_location here) {
  this->where = here;
  if (!task) throw_no_task(here);
  return {task.release(), *this};
}

/// Keeps the function and its arguments for as long as its task.
template <class F, class... Args>
Task<void> call_task(F function, Args... args) {
  co_await std::invoke(function, std::move(args)...);
}

/// A task that starts by itself cannot be shielded: what it awaits can.
template <class T>
Task<T> await_task(Task<T> task) {
  co_return co_await std::move(task);
}
template <class T>
Task<T> as_root(Task<T> task) {
  if (!task.frame() || !task.frame()->shielded) return task;
  return await_task(std::move(task));
}

/// The task of run_sync().
class TORNADO_API SyncScope final : public TaskScope {
 public:
  SyncScope(IOLoop& loop, const TaskFrame* task);
  ~SyncScope();
  /// Runs the loop until the task has ended. Throws if it has not.
  void run(TaskFrame& root, std::optional<Delay> timeout, std::source_location where);

 private:
  void on_end(TaskFrame& root) override;

  IOLoop& loop_;
  TaskFrame* ended_ = nullptr;
};

}  // namespace detail

namespace detail {
template <class F>
Callback without_overlap(F function) {
  struct Kept {
    explicit Kept(F f) : function(std::move(f)) {}
    F function;
    bool running = false;
  };
  struct Flag {
    explicit Flag(std::shared_ptr<Kept> k) : kept(std::move(k)) {}
    Flag(const Flag&) = delete;
    Flag& operator=(const Flag&) = delete;
    ~Flag() { kept->running = false; }
    std::shared_ptr<Kept> kept;
  };
  return [kept = std::make_shared<Kept>(std::move(function))] {
    if (std::exchange(kept->running, true)) return;
    constexpr auto run = [](std::shared_ptr<Kept> k) -> Task<void> {
      const Flag flag(std::move(k));
      co_await flag.kept->function();
    };
    IOLoop::current()->spawn_callback(run(kept));
  };
}
}  // namespace detail

template <class F>
requires TaskFunction<F>
bool IOLoop::add_callback(F function, Location where) {
  return spawn_callback(detail::call_task<F>(std::move(function)), where);
}

template <class F>
requires TaskFunction<F, int>
void IOLoop::add_signal_handler(int signal, F handler, Location where) {
  auto start = [this, kept = std::make_shared<F>(std::move(handler))](int number) {
    auto call = [kept](int n) { return (*kept)(n); };
    spawn_callback(detail::call_task<decltype(call), int>(std::move(call), number));
  };
  add_signal_handler(signal, SignalHandler(std::move(start)), where);
}

template <class T>
T IOLoop::run_sync(Task<T> task, std::optional<Delay> timeout, Location where) {
  detail::SyncScope scope(*this, task.frame());
  detail::Promise<T>& promise = *detail::as_root(std::move(task)).release();
  scope.run(promise, timeout, where);
  return promise.take();
}
}  // namespace tornado

template <class T, class... Args>
struct std::coroutine_traits<tornado::Task<T>, Args...> {
  using promise_type = tornado::detail::PromiseOf<T, Args...>;
};
