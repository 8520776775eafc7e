// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Coroutines that a loop runs.

#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <utility>

#include "tornado/ioloop.h"
#include "tornado/promise.h"

namespace tornado {

/// A coroutine that gives a T. A task begins when another task awaits it, or when a
/// loop or a group starts it; nothing runs before. A task has one owner and is awaited
/// once, as an rvalue: `co_await f()` or `co_await std::move(task)`.
///
/// A task runs on the thread of one loop. The await throws the exception that leaves
/// the task. Destroying a task ends it where it is suspended, and runs the destructors
/// of its locals. The tasks that it awaits are destroyed first.
///
/// Parameters of reference type must outlive the task. The captures of a lambda die
/// with the lambda: await its task in the expression that makes the task.
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
    if (task_) task_->destroy();
  }

  bool await_ready() noexcept {
    return cancelled = frame->scope->cancelled() && !task_->shielded;
  }
  bool await_suspend(std::coroutine_handle<>) {
    TaskScheduler& scheduler = *frame->scope->scheduler();
    task_->set_parent(frame);
    task_->scope = task_->shielded ? &scheduler.shield() : frame->scope;
    frame->wait_for(this);
    return scheduler.begin_child(*task_, *frame);
  }
  T await_resume() {
    frame->wait_for(nullptr);
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
  bool given_ = false;  // its result, or its exception
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
