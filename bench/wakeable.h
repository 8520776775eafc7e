// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Loops that another thread wakes, each in the way that its authors recommend.
///
/// Each is made with what to do when woken. wake() is for any thread; run() returns
/// after stop(), which only the function that is called when woken calls.

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>

#include "harness.h"
#include "peers.h"
#include "tornado/tornado.h"

namespace tornado::bench {

using OnWake = std::function<void()>;

class TornadoLoop {
 public:
  explicit TornadoLoop(OnWake on_wake, LoopOptions options = {})
      : on_wake_(std::move(on_wake)), loop_(options) {}
  void wake() {
    loop_.add_callback([this] { on_wake_(); });
  }
  void run() { loop_.start(); }
  void stop() { loop_.stop(); }

  /// Ours runs any callable: nothing is to be put beside the wake.
  IOLoop& loop() { return loop_; }

 private:
  OnWake on_wake_;
  IOLoop loop_;
};

class TornadoSpinLoop : public TornadoLoop {
 public:
  explicit TornadoSpinLoop(OnWake on_wake)
      : TornadoLoop(std::move(on_wake), spinning()) {}

 private:
  static LoopOptions spinning() {
    LoopOptions options;
    options.spin = std::chrono::microseconds(50);
    return options;
  }
};

/// The library's Waker in an epoll set of its own: all that there is of IOLoop when it
/// has nothing to do, and no queue.
class TornadoWaker {
 public:
  explicit TornadoWaker(OnWake on_wake)
      : on_wake_(std::move(on_wake)), waker_(WakerKind::eventfd) {
    epoll_event event{};
    event.events = EPOLLIN;
    check(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, waker_.fileno(), &event) == 0,
          "epoll");
  }
  void wake() {
    published_.store(true, std::memory_order_relaxed);
    waker_.wake();
  }
  void run() {
    while (!stopped_) {
      epoll_event event;
      ::epoll_wait(epoll_.get(), &event, 1, -1);
      waker_.consume();
      if (published_.exchange(false, std::memory_order_relaxed)) on_wake_();
    }
  }
  void stop() { stopped_ = true; }

 private:
  OnWake on_wake_;
  bool stopped_ = false;
  std::atomic<bool> published_{false};
  Waker waker_;
  UniqueFd epoll_{::epoll_create1(EPOLL_CLOEXEC)};
};

/// An eventfd in an epoll set. Level-triggered, it has to be read.
class RawLoop {
 public:
  RawLoop(OnWake on_wake, bool edge) : on_wake_(std::move(on_wake)), edge_(edge) {
    epoll_event event{};
    event.events = edge ? EPOLLIN | EPOLLET : EPOLLIN;
    check(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) == 0, "epoll");
  }
  void wake() const {
    const std::uint64_t one = 1;
    check(::write(wake_.get(), &one, sizeof one) == sizeof one, "write");
  }
  void run() {
    while (!stopped_) {
      epoll_event event;
      if (::epoll_wait(epoll_.get(), &event, 1, -1) != 1) continue;
      std::uint64_t n = 0;
      if (!edge_) check(::read(wake_.get(), &n, sizeof n) == sizeof n, "read");
      on_wake_();
    }
  }
  void stop() { stopped_ = true; }

 private:
  OnWake on_wake_;
  const bool edge_;
  bool stopped_ = false;
  UniqueFd epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  UniqueFd wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

class RawLevelLoop : public RawLoop {
 public:
  explicit RawLevelLoop(OnWake on_wake) : RawLoop(std::move(on_wake), false) {}
};
class RawEdgeLoop : public RawLoop {
 public:
  explicit RawEdgeLoop(OnWake on_wake) : RawLoop(std::move(on_wake), true) {}
};

#if BENCH_LIBUV
class UvLoop {
 public:
  explicit UvLoop(OnWake on_wake) : on_wake_(std::move(on_wake)) {
    ::uv_loop_init(&loop_);
    ::uv_async_init(&loop_, &async_, [](uv_async_t* async) {
      static_cast<UvLoop*>(async->data)->on_wake_();
    });
    async_.data = this;
  }
  ~UvLoop() {
    ::uv_close(reinterpret_cast<uv_handle_t*>(&async_), nullptr);
    ::uv_run(&loop_, UV_RUN_DEFAULT);
    ::uv_loop_close(&loop_);
  }
  UvLoop(const UvLoop&) = delete;
  UvLoop& operator=(const UvLoop&) = delete;
  void wake() { ::uv_async_send(&async_); }
  void run() { ::uv_run(&loop_, UV_RUN_DEFAULT); }
  void stop() { ::uv_stop(&loop_); }

 private:
  OnWake on_wake_;
  uv_loop_t loop_;
  uv_async_t async_;
};
#endif

#if BENCH_LIBEVENT
class EventLoop {
 public:
  explicit EventLoop(OnWake on_wake) : on_wake_(std::move(on_wake)) {
    ::evthread_use_pthreads();
    base_ = ::event_base_new();
    event_ = ::event_new(
        base_, -1, EV_PERSIST,
        [](evutil_socket_t, short, void* self) {
          static_cast<EventLoop*>(self)->on_wake_();
        },
        this);
  }
  ~EventLoop() {
    ::event_free(event_);
    ::event_base_free(base_);
  }
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  void wake() { ::event_active(event_, EV_READ, 0); }
  void run() { ::event_base_loop(base_, EVLOOP_NO_EXIT_ON_EMPTY); }
  void stop() { ::event_base_loopbreak(base_); }
  event_base* base() { return base_; }

 private:
  OnWake on_wake_;
  event_base* base_;
  event* event_;
};
#endif

#if BENCH_LIBEV
class EvLoop {
 public:
  explicit EvLoop(OnWake on_wake) : on_wake_(std::move(on_wake)) {
    loop_ = ::ev_loop_new(EVBACKEND_EPOLL);
    async_.data = this;
    ev_async_init(&async_, [](struct ev_loop*, ev_async* async, int) {
      static_cast<EvLoop*>(async->data)->on_wake_();
    });
    ::ev_async_start(loop_, &async_);
  }
  ~EvLoop() {
    ::ev_async_stop(loop_, &async_);
    ::ev_loop_destroy(loop_);
  }
  EvLoop(const EvLoop&) = delete;
  EvLoop& operator=(const EvLoop&) = delete;
  void wake() { ::ev_async_send(loop_, &async_); }
  void run() { ::ev_run(loop_, 0); }
  void stop() { ::ev_break(loop_, EVBREAK_ONE); }

 private:
  OnWake on_wake_;
  struct ev_loop* loop_;
  ev_async async_;
};
#endif

#if BENCH_ASIO
class AsioLoop {
 public:
  // Without anything to wait for but posts, io_context sleeps on a condition variable:
  // quicker, but no loop that serves descriptors does so. A timer brings the reactor
  // in.
  explicit AsioLoop(OnWake on_wake) : on_wake_(std::move(on_wake)) {
    far_.expires_after(std::chrono::hours(1));
    far_.async_wait([](const asio::error_code&) {});
  }
  void wake() {
    asio::post(context_, [this] { on_wake_(); });
  }
  void run() { context_.run(); }
  void stop() { context_.stop(); }
  asio::io_context& context() { return context_; }

 private:
  OnWake on_wake_;
  asio::io_context context_;
  asio::steady_timer far_{context_};
};
#endif

/// The contestants that `make(name, role, a type to be made with OnWake)` wants.
template <class T>
struct LoopType {
  using Type = T;
};
template <class Make>
std::vector<Contestant> every_loop(Make make) {
  return {
    make("tornado", Role::ours, LoopType<TornadoLoop>()),
        make("tornado's Waker, always sleeping", Role::ours, LoopType<TornadoWaker>()),
        make("eventfd, edge, no read", Role::floor, LoopType<RawEdgeLoop>()),
        make("eventfd, level, read", Role::floor, LoopType<RawLevelLoop>()),
#if BENCH_LIBUV
        make("libuv", Role::peer, LoopType<UvLoop>()),
#endif
#if BENCH_LIBEVENT
        make("libevent", Role::peer, LoopType<EventLoop>()),
#endif
#if BENCH_LIBEV
        make("libev", Role::peer, LoopType<EvLoop>()),
#endif
#if BENCH_ASIO
        make("asio", Role::peer, LoopType<AsioLoop>()),
#endif
  };
}

}  // namespace tornado::bench
