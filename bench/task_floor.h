// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The floor of the task benchmark: a task written by hand, with symmetric transfer and
/// one pool of frames, over a queue and a heap. It has no cancelling, no owner at
/// close, no report, no other threads, and needs stack in builds without optimisation.

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <queue>
#include <utility>
#include <vector>

#include "tornado/fd.h"
#include "tornado/time.h"

namespace tornado::bench::floor {

class Frames {
 public:
  static void* take(std::size_t size) {
    void*& head = heads_[size / 64];
    if (!head) return ::operator new((size / 64 + 1) * 64);
    return std::exchange(head, *static_cast<void**>(head));
  }
  static void give(void* frame, std::size_t size) {
    *static_cast<void**>(frame) = std::exchange(heads_[size / 64], frame);
  }

 private:
  static inline std::array<void*, 32> heads_{};
};

template <class T>
struct Result {
  T value{};
  void return_value(T v) { value = v; }
};
template <>
struct Result<void> {
  void return_void() {}
};

template <class T = void>
class Task {
 public:
  struct promise_type : Result<T> {
    static void* operator new(std::size_t size) { return Frames::take(size); }
    static void operator delete(void* frame, std::size_t size) {
      Frames::give(frame, size);
    }
    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct Finish {
        bool await_ready() noexcept { return false; }
        std::coroutine_handle<> await_suspend(
            std::coroutine_handle<promise_type> self) noexcept {
          const auto next = self.promise().parent;
          if (next) return next;
          self.destroy();
          return std::noop_coroutine();
        }
        void await_resume() noexcept {}
      };
      return Finish{};
    }
    void unhandled_exception() { std::terminate(); }
    std::coroutine_handle<> parent;  // null: detached
  };

  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  ~Task() {
    if (handle_) handle_.destroy();
  }
  bool await_ready() noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) noexcept {
    handle_.promise().parent = parent;
    return handle_;
  }
  T await_resume() {
    if constexpr (!std::is_void_v<T>) return handle_.promise().value;
  }
  std::coroutine_handle<> detach() { return std::exchange(handle_, nullptr); }

 private:
  std::coroutine_handle<promise_type> handle_;
};

/// Looks at its descriptors once in a turn, as every loop must.
class Loop {
 public:
  void make_ready(std::coroutine_handle<> task) { ready_.push_back(task); }
  void spawn(Task<void> task) { make_ready(task.detach()); }

  auto moment() {
    struct Moment {
      Loop& loop;
      bool await_ready() noexcept { return false; }
      void await_suspend(std::coroutine_handle<> task) { loop.make_ready(task); }
      void await_resume() noexcept {}
    };
    return Moment{*this};
  }
  auto sleep() {
    struct Sleep {
      Loop& loop;
      bool await_ready() noexcept { return false; }
      void await_suspend(std::coroutine_handle<> task) {
        loop.timers_.push({Clock::now(), task});
      }
      void await_resume() noexcept {}
    };
    return Sleep{*this};
  }

  void run() {
    std::vector<std::coroutine_handle<>> batch;
    epoll_event event;
    while (!ready_.empty() || !timers_.empty()) {
      ::epoll_wait(epoll_.get(), &event, 1, 0);
      batch.swap(ready_);
      if (!timers_.empty()) {
        const TimePoint now = Clock::now();
        for (; !timers_.empty() && timers_.top().deadline <= now; timers_.pop()) {
          batch.push_back(timers_.top().task);
        }
      }
      for (const auto task : batch) task.resume();
      batch.clear();
    }
  }

 private:
  struct Timer {
    TimePoint deadline;
    std::coroutine_handle<> task;
    bool operator<(const Timer& other) const { return deadline > other.deadline; }
  };
  std::vector<std::coroutine_handle<>> ready_;
  std::priority_queue<Timer> timers_;
  UniqueFd epoll_{::epoll_create1(EPOLL_CLOEXEC)};
};

/// Waits for two tasks that were started.
class Both {
 public:
  bool await_ready() noexcept { return left_ == 0; }
  void await_suspend(std::coroutine_handle<> waiter) noexcept { waiter_ = waiter; }
  void await_resume() noexcept {}
  template <class T>
  static Task<void> run(Task<T> task, Both& both) {
    co_await std::move(task);
    if (--both.left_ == 0 && both.waiter_) both.loop_.make_ready(both.waiter_);
  }
  explicit Both(Loop& loop) : loop_(loop) {}

 private:
  Loop& loop_;
  int left_ = 2;
  std::coroutine_handle<> waiter_;
};

}  // namespace tornado::bench::floor
