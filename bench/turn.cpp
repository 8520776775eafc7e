// SPDX-License-Identifier: Apache-2.0
// What a turn costs when a callback only adds the next one.

#include <deque>

#include "affinity.h"
#include "call_count.h"
#include "harness.h"
#include "usage.h"
#include "wakeable.h"

namespace tornado::bench {
namespace {

/// Counts down, and measures from its making to the last step.
class Chain {
 public:
  explicit Chain(Round& round, std::size_t usual = 300000)
      : round_(round), all_(round.times(usual)), left_(all_) {
    pin(allowed_cores().front());
    cpu_begin_ = thread_cpu_ns();
    begin_ = Clock::now();
  }
  /// Whether there is another step to take.
  bool step() { return --left_ > 0; }
  void finish() {
    const std::chrono::duration<double, std::nano> time = Clock::now() - begin_;
    const double cpu = thread_cpu_ns() - cpu_begin_;
    check(left_ == 0, "a callback was lost");
    const auto all = static_cast<double>(all_);
    round_.set("step", cpu / all);
    round_.set("time", time.count() / all);
    round_.set_operations(all_);
  }

 private:
  Round& round_;
  std::size_t all_;
  std::size_t left_;
  double cpu_begin_;
  Clock::time_point begin_;
};

void floor_queue(Round& round) {
  Chain chain(round, 3000000);
  std::deque<std::function<void()>> queue;
  std::function<void()> next = [&] {
    if (chain.step()) queue.push_back([&] { next(); });
  };
  queue.push_back([&] { next(); });
  while (!queue.empty()) {
    auto callback = std::move(queue.front());
    queue.pop_front();
    callback();
  }
  chain.finish();
}

void floor_epoll(Round& round) {
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  const UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  check(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) == 0, "epoll_ctl");
  Chain chain(round);
  const CountedSpan counted;
  do {
    check(::epoll_wait(epoll.get(), &event, 1, 0) == 0, "epoll_wait");
  } while (chain.step());
  chain.finish();
}

void tornado_callbacks(Round& round, TurnPolicy turns, std::size_t usual) {
  LoopOptions options;
  options.turns = turns;
  IOLoop loop(options);
  Chain chain(round, usual);
  std::function<void()> next = [&] {
    if (!chain.step()) return loop.stop();
    loop.add_callback([&next] { next(); });
  };
  loop.add_callback([&next] { next(); });
  const CountedSpan counted;
  loop.start();
  chain.finish();
}

void tornado_timeouts(Round& round) {
  IOLoop loop;
  Chain chain(round);
  std::function<void()> next = [&] {
    if (!chain.step()) return loop.stop();
    loop.call_later(std::chrono::nanoseconds(0), [&next] { next(); });
  };
  loop.call_later(std::chrono::nanoseconds(0), [&next] { next(); });
  const CountedSpan counted;
  loop.start();
  chain.finish();
}

#if BENCH_LIBUV
template <class Handle>
void run_uv(uv_loop_t& loop, Handle& handle, Chain& chain) {
  {
    const CountedSpan counted;
    ::uv_run(&loop, UV_RUN_DEFAULT);
  }
  chain.finish();
  ::uv_close(reinterpret_cast<uv_handle_t*>(&handle), nullptr);
  ::uv_run(&loop, UV_RUN_DEFAULT);
  ::uv_loop_close(&loop);
}

// libuv has no callbacks to add: an idle handle is called in each turn.
void uv_idle(Round& round) {
  uv_loop_t loop;
  uv_idle_t idle;
  ::uv_loop_init(&loop);
  ::uv_idle_init(&loop, &idle);
  Chain chain(round);
  idle.data = &chain;
  ::uv_idle_start(&idle, [](uv_idle_t* handle) {
    if (!static_cast<Chain*>(handle->data)->step()) ::uv_idle_stop(handle);
  });
  run_uv(loop, idle, chain);
}

// Runs the next within the same pass, too.
void uv_timeouts(Round& round) {
  uv_loop_t loop;
  uv_timer_t timer;
  ::uv_loop_init(&loop);
  ::uv_timer_init(&loop, &timer);
  Chain chain(round);
  timer.data = &chain;
  static constexpr uv_timer_cb next = [](uv_timer_t* handle) {
    if (!static_cast<Chain*>(handle->data)->step()) return;
    ::uv_timer_start(handle, handle->timer_cb, 0, 0);
  };
  ::uv_timer_start(&timer, next, 0, 0);
  run_uv(loop, timer, chain);
}
#endif

#if BENCH_LIBEVENT
struct EventStep {
  Chain& chain;
  event* next;
};

// Runs the next within the same pass, without a look at a descriptor.
void event_callbacks(Round& round) {
  EventLoop loop([] {});
  Chain chain(round);
  EventStep step{chain, nullptr};
  step.next = ::event_new(
      loop.base(), -1, EV_PERSIST,
      [](evutil_socket_t, short, void* self) {
        auto& it = *static_cast<EventStep*>(self);
        if (it.chain.step()) {
          ::event_active(it.next, EV_READ, 0);
        } else {
          ::event_base_loopbreak(::event_get_base(it.next));
        }
      },
      &step);
  ::event_active(step.next, EV_READ, 0);
  {
    const CountedSpan counted;
    loop.run();
  }
  chain.finish();
  ::event_free(step.next);
}

void event_timeouts(Round& round) {
  EventLoop loop([] {});
  Chain chain(round);
  EventStep step{chain, nullptr};
  static constexpr timeval now{};
  step.next = ::event_new(
      loop.base(), -1, 0,
      [](evutil_socket_t, short, void* self) {
        auto& it = *static_cast<EventStep*>(self);
        if (it.chain.step()) {
          ::event_add(it.next, &now);
        } else {
          ::event_base_loopbreak(::event_get_base(it.next));
        }
      },
      &step);
  ::event_add(step.next, &now);
  {
    const CountedSpan counted;
    loop.run();
  }
  chain.finish();
  ::event_free(step.next);
}
#endif

#if BENCH_LIBEV
void ev_idle_callbacks(Round& round) {
  struct ev_loop* loop = ::ev_loop_new(EVBACKEND_EPOLL);
  Chain chain(round);
  ev_idle idle;
  idle.data = &chain;
  ev_idle_init(&idle, [](struct ev_loop* self, ev_idle* watcher, int) {
    if (!static_cast<Chain*>(watcher->data)->step()) ::ev_idle_stop(self, watcher);
  });
  ::ev_idle_start(loop, &idle);
  {
    const CountedSpan counted;
    ::ev_run(loop, 0);
  }
  chain.finish();
  ::ev_loop_destroy(loop);
}

void ev_timeouts(Round& round) {
  struct ev_loop* loop = ::ev_loop_new(EVBACKEND_EPOLL);
  Chain chain(round);
  ev_timer timer;
  timer.data = &chain;
  ev_timer_init(
      &timer,
      [](struct ev_loop* self, ev_timer* watcher, int) {
        if (!static_cast<Chain*>(watcher->data)->step()) return;
        ev_timer_set(watcher, 0., 0.);
        ::ev_timer_start(self, watcher);
      },
      0., 0.);
  ::ev_timer_start(loop, &timer);
  {
    const CountedSpan counted;
    ::ev_run(loop, 0);
  }
  chain.finish();
  ::ev_loop_destroy(loop);
}
#endif

#if BENCH_ASIO
void asio_callbacks(Round& round) {
  AsioLoop loop([] {});
  Chain chain(round);
  std::function<void()> next = [&] {
    if (!chain.step()) return loop.stop();
    asio::post(loop.context(), [&next] { next(); });
  };
  asio::post(loop.context(), [&next] { next(); });
  const CountedSpan counted;
  loop.run();
  chain.finish();
}

void asio_timeouts(Round& round) {
  AsioLoop loop([] {});
  asio::steady_timer timer(loop.context());
  Chain chain(round, 2000);  // each sleeps
  std::function<void()> wait = [&] {
    timer.expires_after(std::chrono::nanoseconds(0));
    timer.async_wait([&](const asio::error_code&) {
      if (chain.step()) {
        wait();
      } else {
        loop.stop();
      }
    });
  };
  wait();
  const CountedSpan counted;
  loop.run();
  chain.finish();
}
#endif

Contest callbacks() {
  return {
      "turn, a callback adds the next",
      {{"step", "ns of processor"}, {"time", "ns, by the clock", Better::neither}},
      {
          {"tornado", Role::ours,
           [](Round& round) { tornado_callbacks(round, TurnPolicy::strict, 300000); }},
          {"tornado, bounded", Role::ours,
           [](Round& round) {
             tornado_callbacks(round, TurnPolicy::bounded, 3000000);
           }},
          {"epoll_wait(0)", Role::floor, &floor_epoll},
          {"a deque, no descriptors", Role::floor, &floor_queue},
#if BENCH_LIBUV
          {"libuv, idle handle", Role::peer, &uv_idle},
#endif
#if BENCH_LIBEVENT
          {"libevent (starves descriptors)", Role::peer, &event_callbacks},
#endif
#if BENCH_LIBEV
          {"libev, idle watcher", Role::peer, &ev_idle_callbacks},
#endif
#if BENCH_ASIO
          {"asio", Role::peer, &asio_callbacks},
#endif
      },
      "step"};
}

Contest timeouts() {
  return {"turn, a timeout of 0 adds the next",
          {{"step", "ns of processor"}, {"time", "ns, by the clock", Better::neither}},
          {
              {"tornado", Role::ours, &tornado_timeouts},
              {"epoll_wait(0)", Role::floor, &floor_epoll},
#if BENCH_LIBUV
              {"libuv (starves descriptors)", Role::peer, &uv_timeouts},
#endif
#if BENCH_LIBEVENT
              {"libevent", Role::peer, &event_timeouts},
#endif
#if BENCH_LIBEV
              {"libev", Role::peer, &ev_timeouts},
#endif
#if BENCH_ASIO
              {"asio (sleeps on a timerfd)", Role::peer, &asio_timeouts},
#endif
          },
          "step"};
}

}  // namespace
}  // namespace tornado::bench

int main(int argc, char** argv) {
  using namespace tornado::bench;
  return compete({"turn",
                  "One thing after another, each added by the one before it. Who is "
                  "below epoll_wait(0) does not look at descriptors each time.",
                  {callbacks(), timeouts()}},
                 argc, argv);
}
