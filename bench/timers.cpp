// SPDX-License-Identifier: Apache-2.0
// A million timers: add, cancel, move and fire.

#include <array>
#include <memory>
#include <random>
#include <thread>

#include "affinity.h"
#include "harness.h"
#include "usage.h"
#include "wakeable.h"

namespace tornado::bench {
namespace {

using std::chrono::duration_cast;
using std::chrono::nanoseconds;

/// Every contestant has timers 0 to n - 1, does these to them one by one, and run()s
/// until all that were started are fired.
///   start(i, deadline)  move(i, deadline)  cancel(i)  settle()  run()
/// settle() is work that was put off. `fired(i)` is to be called by each.
class Fired {
 public:
  void expect(const std::vector<TimePoint>& deadlines) { deadlines_ = &deadlines; }
  void operator()(std::size_t i) {
    ++count;
    const TimePoint deadline = (*deadlines_)[i];
    in_order = in_order && deadline >= latest_;
    latest_ = deadline;
  }
  std::size_t count = 0;
  bool in_order = true;

 private:
  const std::vector<TimePoint>* deadlines_ = nullptr;
  TimePoint latest_{};
};

class TornadoTimers {
 public:
  static constexpr bool exact_order = true;
  TornadoTimers(std::size_t n, Fired& fired) : fired_(fired), handles_(n) {}
  void start(std::size_t i, TimePoint deadline) {
    handles_[i] = loop_.call_at(deadline, [this, i] { fire(i); });
  }
  void move(std::size_t i, TimePoint deadline) {
    check(loop_.update_timeout(handles_[i], deadline), "update_timeout");
  }
  void cancel(std::size_t i) {
    check(loop_.remove_timeout(handles_[i]), "remove_timeout");
  }
  void settle() {}
  void run() { loop_.start(); }

 private:
  void fire(std::size_t i) {
    fired_(i);
    if (fired_.count == handles_.size()) loop_.stop();
  }
  Fired& fired_;
  std::vector<TimeoutHandle> handles_;
  IOLoop loop_;
};

/// A wheel of milliseconds that keeps no order within one, and runs no loop.
class PlainWheel {
 public:
  static constexpr bool exact_order = false;
  PlainWheel(std::size_t n, Fired& fired)
      : fired_(fired), nodes_(n + slots), begin_(Clock::now()) {
    for (std::size_t slot = 0; slot < slots; ++slot) {
      nodes_[n + slot] = {n + slot, n + slot};
    }
  }
  void start(std::size_t i, TimePoint deadline) {
    const auto ms = duration_cast<std::chrono::milliseconds>(deadline - begin_).count();
    const std::size_t head =
        nodes_.size() - slots + static_cast<std::size_t>(ms) % slots;
    nodes_[i] = {nodes_[head].previous, head};
    nodes_[nodes_[i].previous].next = i;
    nodes_[head].previous = i;
  }
  void cancel(std::size_t i) {
    nodes_[nodes_[i].previous].next = nodes_[i].next;
    nodes_[nodes_[i].next].previous = nodes_[i].previous;
  }
  void move(std::size_t i, TimePoint deadline) {
    cancel(i);
    start(i, deadline);
  }
  void settle() {}
  void run() {
    const std::size_t n = nodes_.size() - slots;
    for (std::size_t head = n; head < nodes_.size(); ++head) {
      for (std::size_t i = nodes_[head].next; i < n; i = nodes_[i].next) fired_(i);
    }
  }

 private:
  static constexpr std::size_t slots = 1 << 16;
  struct Node {
    std::size_t previous;
    std::size_t next;
  };
  Fired& fired_;
  std::vector<Node> nodes_;
  TimePoint begin_;
};

#if BENCH_LIBUV
class UvTimers {
 public:
  static constexpr bool exact_order = false;  // of milliseconds
  UvTimers(std::size_t n, Fired& fired) : fired_(fired), timers_(n) {
    ::uv_loop_init(&loop_);
    loop_.data = this;
    for (uv_timer_t& timer : timers_) ::uv_timer_init(&loop_, &timer);
    begin_ = Clock::now();
  }
  ~UvTimers() {
    for (uv_timer_t& timer : timers_) {
      ::uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
    }
    ::uv_run(&loop_, UV_RUN_DEFAULT);
    ::uv_loop_close(&loop_);
  }
  UvTimers(const UvTimers&) = delete;
  UvTimers& operator=(const UvTimers&) = delete;
  void start(std::size_t i, TimePoint deadline) {
    const auto ms = duration_cast<std::chrono::milliseconds>(deadline - begin_).count();
    const auto fire = [](uv_timer_t* timer) {
      auto* self = static_cast<UvTimers*>(timer->loop->data);
      self->fired_(static_cast<std::size_t>(timer - self->timers_.data()));
    };
    ::uv_timer_start(&timers_[i], fire, static_cast<std::uint64_t>(ms), 0);
  }
  void move(std::size_t i, TimePoint deadline) { start(i, deadline); }
  void cancel(std::size_t i) { ::uv_timer_stop(&timers_[i]); }
  void settle() {}
  void run() { ::uv_run(&loop_, UV_RUN_DEFAULT); }

 private:
  Fired& fired_;
  uv_loop_t loop_;
  std::vector<uv_timer_t> timers_;
  TimePoint begin_;
};
#endif

#if BENCH_LIBEVENT
class EventTimers {
 public:
  static constexpr bool exact_order = false;  // of microseconds
  EventTimers(std::size_t n, Fired& fired)
      : fired_(fired), base_(::event_base_new()), begin_(Clock::now()) {
    timers_.reserve(n);
    for (std::size_t i = 0; i < n; ++i) {
      timers_.push_back({nullptr, this});
      timers_[i].timer = ::event_new(base_, -1, 0, &fire, &timers_[i]);
    }
  }
  ~EventTimers() {
    for (const Timer& one : timers_) ::event_free(one.timer);
    ::event_base_free(base_);
  }
  EventTimers(const EventTimers&) = delete;
  EventTimers& operator=(const EventTimers&) = delete;
  void start(std::size_t i, TimePoint deadline) {
    const auto us = duration_cast<std::chrono::microseconds>(deadline - begin_).count();
    const timeval delay{us / 1000000, us % 1000000};
    ::event_add(timers_[i].timer, &delay);
  }
  void move(std::size_t i, TimePoint deadline) { start(i, deadline); }
  void cancel(std::size_t i) { ::event_del(timers_[i].timer); }
  void settle() {}
  void run() { ::event_base_dispatch(base_); }

 private:
  struct Timer {
    event* timer;
    EventTimers* owner;
  };
  static void fire(evutil_socket_t, short, void* arg) {
    auto* it = static_cast<Timer*>(arg);
    it->owner->fired_(static_cast<std::size_t>(it - it->owner->timers_.data()));
  }
  Fired& fired_;
  event_base* base_;
  std::vector<Timer> timers_;
  TimePoint begin_;
};
#endif

#if BENCH_LIBEV
class EvTimers {
 public:
  static constexpr bool exact_order = false;  // of doubles
  EvTimers(std::size_t n, Fired& fired)
      : fired_(fired), loop_(::ev_loop_new(EVBACKEND_EPOLL)), timers_(n) {
    ::ev_set_userdata(loop_, this);
    begin_ = Clock::now();
  }
  ~EvTimers() { ::ev_loop_destroy(loop_); }
  EvTimers(const EvTimers&) = delete;
  EvTimers& operator=(const EvTimers&) = delete;
  void start(std::size_t i, TimePoint deadline) {
    ev_timer_init(&timers_[i], &fire, delay(deadline), 0.);
    ::ev_timer_start(loop_, &timers_[i]);
  }
  void move(std::size_t i, TimePoint deadline) {
    timers_[i].repeat = delay(deadline);
    ::ev_timer_again(loop_, &timers_[i]);
  }
  void cancel(std::size_t i) { ::ev_timer_stop(loop_, &timers_[i]); }
  void settle() {}
  void run() { ::ev_run(loop_, 0); }

 private:
  double delay(TimePoint deadline) const {
    return std::chrono::duration<double>(deadline - begin_).count();
  }
  static void fire(struct ev_loop* loop, ev_timer* timer, int) {
    auto* self = static_cast<EvTimers*>(::ev_userdata(loop));
    self->fired_(static_cast<std::size_t>(timer - self->timers_.data()));
  }
  Fired& fired_;
  struct ev_loop* loop_;
  std::vector<ev_timer> timers_;
  TimePoint begin_;
};
#endif

#if BENCH_ASIO
class AsioTimers {
 public:
  static constexpr bool exact_order = true;
  AsioTimers(std::size_t n, Fired& fired) : fired_(fired) {
    timers_.reserve(n);
    for (std::size_t i = 0; i < n; ++i) timers_.emplace_back(context_);
  }
  void start(std::size_t i, TimePoint deadline) {
    timers_[i].expires_at(deadline);
    timers_[i].async_wait([this, i](const asio::error_code& error) {
      if (!error) fired_(i);
    });
  }
  // What was there before is told that it was cancelled, when the loop comes to it.
  void move(std::size_t i, TimePoint deadline) {
    start(i, deadline);
    if (++moved_ % 1024 == 0) context_.poll();
  }
  void cancel(std::size_t i) { timers_[i].cancel(); }
  void settle() {
    context_.poll();
    context_.restart();
  }
  void run() { context_.run(); }

 private:
  Fired& fired_;
  asio::io_context context_{1};
  std::vector<asio::steady_timer> timers_;
  std::size_t moved_ = 0;
};
#endif

std::vector<TimePoint> random_deadlines(std::size_t n, TimePoint from,
                                        nanoseconds spread) {
  std::mt19937_64 random(20211);
  std::uniform_int_distribution<std::int64_t> delay(0, spread.count());
  std::vector<TimePoint> deadlines(n);
  for (TimePoint& one : deadlines) one = from + nanoseconds(delay(random));
  return deadlines;
}

/// The time that `f(i)` takes for each i below n, and `settle`.
template <class F, class G>
double each(std::size_t n, F f, G settle) {
  const double begin = thread_cpu_ns();
  for (std::size_t i = 0; i < n; ++i) f(i);
  settle();
  return (thread_cpu_ns() - begin) / static_cast<double>(n);
}

template <class Timers>
void add_and_cancel(Round& round, std::size_t n) {
  Fired fired;
  Timers timers(n, fired);
  const auto far = random_deadlines(n, Clock::now() + std::chrono::seconds(60),
                                    std::chrono::hours(1));
  round.set("first add",
            each(
                n, [&](std::size_t i) { timers.start(i, far[i]); }, [] {}));
  // From here on as in a program that has run for a while: the memory is there.
  for (std::size_t i = 0; i < n; ++i) timers.cancel(i);
  timers.settle();
  round.set("add", each(
                       n, [&](std::size_t i) { timers.start(i, far[i]); }, [] {}));
  round.set("cancel",
            each(
                n, [&](std::size_t i) { timers.cancel(i); }, [&] { timers.settle(); }));
  check(fired.count == 0, "a cancelled timer ran");
}

/// A tenth of them, as with idle connections: each that sends gets another minute.
template <class Timers>
void move_all(Round& round, std::size_t n) {
  Fired fired;
  const std::size_t standing = n / 10 + 1;
  Timers timers(standing, fired);
  const TimePoint minute = Clock::now() + std::chrono::seconds(60);
  for (std::size_t i = 0; i < standing; ++i) {
    timers.start(i, minute + std::chrono::microseconds(i));
  }
  std::mt19937 random(20211);
  std::uniform_int_distribution<std::size_t> any(0, standing - 1);
  std::vector<std::size_t> whom(n);
  for (std::size_t& one : whom) one = any(random);
  const auto move = [&](std::size_t i) {
    timers.move(whom[i], minute + std::chrono::microseconds(standing + i));
  };
  round.set("move", each(n, move, [&] { timers.settle(); }));
  const auto anywhere = random_deadlines(n, minute, std::chrono::hours(1));
  const auto jump = [&](std::size_t i) { timers.move(whom[i], anywhere[i]); };
  round.set("jump", each(n, jump, [&] { timers.settle(); }));
  check(fired.count == 0, "a moved timer ran early");
}

template <class Timers>
void fire_all(Round& round, std::size_t n) {
  Fired fired;
  Timers timers(n, fired);
  const auto soon = random_deadlines(n, Clock::now(), std::chrono::milliseconds(200));
  fired.expect(soon);
  for (std::size_t i = 0; i < n; ++i) timers.start(i, soon[i]);
  std::this_thread::sleep_until(soon.front() + std::chrono::milliseconds(250));
  round.set("fire", each(
                        1, [&](std::size_t) { timers.run(); }, [] {}) /
                        static_cast<double>(n));
  check(fired.count == n, "a timer was lost");
  check(fired.in_order || !Timers::exact_order, "timers ran in another order");
}

template <class Timers>
Contestant contestant(const char* name, Role role) {
  return {name, role, [](Round& round) {
            pin(allowed_cores().front());
            const std::size_t n = round.times(1000000);
            add_and_cancel<Timers>(round, n);
            move_all<Timers>(round, n);
            fire_all<Timers>(round, n);
          }};
}

Contest contest() {
  return {"timers, 1000000",
          {{"first add", "ns of processor"},
           {"add", "ns of processor"},
           {"cancel", "ns of processor"},
           {"move", "ns of processor"},
           {"jump", "ns of processor"},
           {"fire", "ns of processor"}},
          {
              contestant<TornadoTimers>("tornado", Role::ours),
              contestant<PlainWheel>("a wheel without order", Role::floor),
#if BENCH_LIBUV
              contestant<UvTimers>("libuv", Role::peer),
#endif
#if BENCH_LIBEVENT
              contestant<EventTimers>("libevent", Role::peer),
#endif
#if BENCH_LIBEV
              contestant<EvTimers>("libev", Role::peer),
#endif
#if BENCH_ASIO
              contestant<AsioTimers>("asio", Role::peer),
#endif
          }};
}

}  // namespace
}  // namespace tornado::bench

int main(int argc, char** argv) {
  using namespace tornado::bench;
  return compete({"timers",
                  "A million timers within an hour, added, then cancelled; a million "
                  "moves of 100000, each to a minute from then, and a million "
                  "jumps of them to any time within an hour; a million fired at "
                  "once, all of them due.",
                  {contest()}},
                 argc, argv);
}
