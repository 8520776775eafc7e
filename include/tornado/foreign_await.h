// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// How a task awaits an awaitable of another library. Included by tornado/task.h.

#include <atomic>
#include <coroutine>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "tornado/arrival.h"
#include "tornado/coroutine_frame.h"
#include "tornado/loop_handle.h"

namespace tornado::detail {

template <class A>
decltype(auto) awaiter_of(A&& awaitable) {
  if constexpr (requires { std::forward<A>(awaitable).operator co_await(); }) {
    return std::forward<A>(awaitable).operator co_await();
  } else if constexpr (requires { operator co_await(std::forward<A>(awaitable)); }) {
    return operator co_await(std::forward<A>(awaitable));
  } else {
    return static_cast<A&&>(awaitable);
  }
}

/// The part of the wait that does not depend on the awaiter's type.
class TORNADO_API ForeignWait : public Suspension {
 public:
  /// Shared with the coroutine that the awaiter resumes, on any thread.
  struct TORNADO_API Link : Arrival {
    Link(LoopHandle l, ForeignWait* w) : loop(std::move(l)), wait(w) {}
    void arrive() noexcept override;
    const LoopHandle loop;
    std::atomic<bool> resumed{false};
    ForeignWait* wait;  // for the loop's thread; null once the task has ended
  };
  /// Tells the loop. Any thread.
  static void notify(std::shared_ptr<Link> link) noexcept;

  bool withdraw() noexcept override { return false; }
  std::string describe() const override { return "another library"; }

 protected:
  ForeignWait() noexcept = default;
  ~ForeignWait();
  std::shared_ptr<Link> make_link();
  void start(std::coroutine_handle<> bridge);

 private:
  class Remains;
  std::shared_ptr<Remains> link_;
};

/// The coroutine that the awaiter resumes. Ends by itself once it was resumed.
struct Bridge {
  struct promise_type {
    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* frame, std::size_t size) noexcept {
      free_frame(frame, size);
    }
    Bridge get_return_object() noexcept {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() { throw; }
  };
  std::coroutine_handle<> handle;
};

template <class W>
class Through {
 public:
  explicit Through(W& awaiter) noexcept : awaiter_(awaiter) {}
  bool await_ready() const noexcept { return false; }
  decltype(auto) await_suspend(std::coroutine_handle<> bridge) {
    return awaiter_.await_suspend(bridge);
  }
  void await_resume() const noexcept {}

 private:
  W& awaiter_;
};

template <class W>
Bridge bridge_to(W& awaiter, std::shared_ptr<ForeignWait::Link> link) {
  co_await Through<W>(awaiter);
  if (!link->resumed.exchange(true)) ForeignWait::notify(std::move(link));
}

/// Awaits a foreign awaitable. It cannot be cancelled: the wait ends with it. The
/// result is taken on the loop's thread. If the task is destroyed, the awaiter is too:
/// its destructor must prevent a later resumption, or wait for it.
template <class A>
class ForeignAwait final : public ForeignWait {
 public:
  ForeignAwait(A&& awaitable, TaskFrame& parent)
      : awaiter_(awaiter_of(std::forward<A>(awaitable))) {
    frame = &parent;
  }

  bool await_ready() {
    if (frame->scope->cancelled()) return cancelled = true;
    return awaiter_.await_ready();
  }
  void await_suspend(std::coroutine_handle<>) {
    start(bridge_to(awaiter_, make_link()).handle);
    frame->since = frame->scope->scheduler()->now();
    frame->wait_for(this);
  }
  decltype(auto) await_resume() {
    frame->wait_for(nullptr);
    if (cancelled) throw Cancelled(frame->scope->why());
    return awaiter_.await_resume();
  }

 private:
  decltype(awaiter_of(std::declval<A>())) awaiter_;
};

}  // namespace tornado::detail
