// SPDX-License-Identifier: Apache-2.0
// Many pipes, few of them busy: a byte read from one makes a byte for the next.

#include <sys/resource.h>

#include <memory>
#include <string>

#include "affinity.h"
#include "call_count.h"
#include "harness.h"
#include "usage.h"
#include "wakeable.h"

namespace tornado::bench {
namespace {

constexpr std::size_t active = 100;

/// The pipes, and what a callback does.
class Pipes {
 public:
  Pipes(Round& round, std::size_t n) : round_(round), left_(round.times(100000)) {
    for (std::size_t i = 0; i < n; ++i) pipes_.push_back(make_pipe());
    pin(allowed_cores().front());
  }
  std::size_t size() const { return pipes_.size(); }
  int reader(std::size_t i) const { return pipes_[i].first.get(); }

  /// Times the registration of all of them, until the kernel knows: some do that
  /// when they run, so that `settle` has to.
  template <class F, class G>
  void watch_all(F watch, G settle) {
    const double begin = thread_cpu_ns();
    for (std::size_t i = 0; i < size(); ++i) watch(i);
    settle();
    round_.set("register", (thread_cpu_ns() - begin) / static_cast<double>(size()));
  }

  template <class F>
  void watch_all(F watch) {
    watch_all(watch, [] {});
  }

  /// Times `run`, which returns once readable() was false.
  template <class F>
  void run_all(F run) {
    const std::size_t events = left_ + active;
    for (std::size_t i = 0; i < active; ++i) write_to(i * size() / active);
    to_come_ = events;
    const double begin = thread_cpu_ns();
    {
      const CountedSpan counted;
      run();
    }
    const double time = thread_cpu_ns() - begin;
    check(to_come_ == 0 && left_ == 0, "an event was lost");
    round_.set("event", time / static_cast<double>(events));
    round_.set_operations(events);
  }

  /// False when it was the last.
  bool readable(std::size_t i) {
    char byte = 0;
    check(::read(reader(i), &byte, 1) == 1, "an event without a byte");
    return has_read(i);
  }
  /// For who reads the byte himself.
  bool has_read(std::size_t i) {
    if (left_ > 0) {
      --left_;
      write_to((i + 1) % size());
    }
    return --to_come_ > 0;
  }

 private:
  void write_to(std::size_t i) {
    check(::write(pipes_[i].second.get(), "x", 1) == 1, "write to a pipe");
  }

  Round& round_;
  std::vector<FdPair> pipes_;
  std::size_t left_;  // bytes to be written by callbacks
  std::size_t to_come_ = 0;
};

void raw_epoll(Round& round, std::size_t n) {
  Pipes pipes(round, n);
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  pipes.watch_all([&](std::size_t i) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    check(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, pipes.reader(i), &event) == 0,
          "epoll_ctl");
  });
  pipes.run_all([&] {
    epoll_event events[1024];
    for (bool more = true; more;) {
      const int ready = ::epoll_wait(epoll.get(), events, 1024, -1);
      for (int i = 0; i < ready; ++i) more = pipes.readable(events[i].data.u64);
    }
  });
}

void tornado_handlers(Round& round, std::size_t n) {
  Pipes pipes(round, n);
  IOLoop loop;
  pipes.watch_all([&](std::size_t i) {
    const auto handler = [&loop, &pipes, i](NativeFd, Events) {
      if (!pipes.readable(i)) loop.stop();
    };
    loop.add_handler(pipes.reader(i), handler, Events::read);
  });
  pipes.run_all([&] { loop.start(); });
}

#if BENCH_LIBUV
struct UvPipe {
  uv_poll_t poll;
  Pipes* pipes;
  std::size_t index;
};

void uv_polls(Round& round, std::size_t n) {
  Pipes pipes(round, n);
  uv_loop_t loop;
  ::uv_loop_init(&loop);
  const auto polls = std::make_unique<UvPipe[]>(n);
  const auto watch = [&](std::size_t i) {
    polls[i].pipes = &pipes;
    polls[i].index = i;
    ::uv_poll_init(&loop, &polls[i].poll, pipes.reader(i));
    ::uv_poll_start(&polls[i].poll, UV_READABLE, [](uv_poll_t* poll, int, int) {
      const auto* it = reinterpret_cast<UvPipe*>(poll);
      if (!it->pipes->readable(it->index)) ::uv_stop(poll->loop);
    });
  };
  pipes.watch_all(watch, [&] { ::uv_run(&loop, UV_RUN_NOWAIT); });
  pipes.run_all([&] { ::uv_run(&loop, UV_RUN_DEFAULT); });
  for (std::size_t i = 0; i < n; ++i) {
    ::uv_close(reinterpret_cast<uv_handle_t*>(&polls[i].poll), nullptr);
  }
  ::uv_run(&loop, UV_RUN_DEFAULT);
  ::uv_loop_close(&loop);
}
#endif

#if BENCH_LIBEVENT
struct EventPipe {
  event* readable;
  Pipes* pipes;
  std::size_t index;
};

void libevent_events(Round& round, std::size_t n) {
  Pipes pipes(round, n);
  event_base* base = ::event_base_new();
  std::vector<EventPipe> events(n);
  pipes.watch_all([&](std::size_t i) {
    events[i] = {nullptr, &pipes, i};
    events[i].readable = ::event_new(
        base, pipes.reader(i), EV_READ | EV_PERSIST,
        [](evutil_socket_t, short, void* arg) {
          const auto* it = static_cast<EventPipe*>(arg);
          if (it->pipes->readable(it->index)) return;
          ::event_base_loopbreak(::event_get_base(it->readable));
        },
        &events[i]);
    ::event_add(events[i].readable, nullptr);
  });
  pipes.run_all([&] { ::event_base_dispatch(base); });
  for (const EventPipe& one : events) ::event_free(one.readable);
  ::event_base_free(base);
}
#endif

#if BENCH_LIBEV
struct EvPipe {
  ev_io io;
  Pipes* pipes;
  std::size_t index;
};

void libev_watchers(Round& round, std::size_t n) {
  Pipes pipes(round, n);
  struct ev_loop* loop = ::ev_loop_new(EVBACKEND_EPOLL);
  std::vector<EvPipe> watchers(n);
  const auto watch = [&](std::size_t i) {
    watchers[i].pipes = &pipes;
    watchers[i].index = i;
    ev_io_init(
        &watchers[i].io,
        [](struct ev_loop* self, ev_io* io, int) {
          const auto* it = reinterpret_cast<EvPipe*>(io);
          if (!it->pipes->readable(it->index)) ::ev_break(self, EVBREAK_ONE);
        },
        pipes.reader(i), libev_read);
    ::ev_io_start(loop, &watchers[i].io);
  };
  pipes.watch_all(watch, [&] { ::ev_run(loop, EVRUN_NOWAIT); });
  pipes.run_all([&] { ::ev_run(loop, 0); });
  ::ev_loop_destroy(loop);
}
#endif

#if BENCH_ASIO
struct AsioPipe {
  asio::posix::stream_descriptor descriptor;
  Pipes& pipes;
  std::size_t index;
  asio::io_context& context;
  char byte = 0;

  void read() {
    descriptor.async_read_some(asio::buffer(&byte, 1),
                               [this](const asio::error_code& error, std::size_t n) {
                                 if (error) return;
                                 check(n == 1, "an event without a byte");
                                 if (pipes.has_read(index)) {
                                   read();
                                 } else {
                                   context.stop();
                                 }
                               });
  }
};

void asio_descriptors(Round& round, std::size_t n) {
  Pipes pipes(round, n);
  asio::io_context context(1);  // a hint that one thread runs it
  std::vector<std::unique_ptr<AsioPipe>> descriptors(n);
  pipes.watch_all([&](std::size_t i) {
    descriptors[i].reset(
        new AsioPipe{{context, pipes.reader(i)}, pipes, i, context, 0});
    descriptors[i]->read();
  });
  pipes.run_all([&] { context.run(); });
  for (const auto& one : descriptors) (void)one->descriptor.release();
}
#endif

Contest contest(std::size_t n) {
  const auto with = [n](void (*run)(Round&, std::size_t)) {
    return [=](Round& round) { run(round, n); };
  };
  return {"pipes, " + std::to_string(n),
          {{"event", "ns of processor"}, {"register", "ns of processor"}},
          {
              {"tornado", Role::ours, with(&tornado_handlers)},
              {"epoll", Role::floor, with(&raw_epoll)},
#if BENCH_LIBUV
              {"libuv", Role::peer, with(&uv_polls)},
#endif
#if BENCH_LIBEVENT
              {"libevent", Role::peer, with(&libevent_events)},
#endif
#if BENCH_LIBEV
              {"libev", Role::peer, with(&libev_watchers)},
#endif
#if BENCH_ASIO
              {"asio", Role::peer, with(&asio_descriptors)},
#endif
          },
          n == active ? "event" : ""};
}

std::size_t most_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace
}  // namespace tornado::bench

int main(int argc, char** argv) {
  using namespace tornado::bench;
  Workload workload{
      "pipes",
      "100 busy pipes among many; a callback reads a byte and writes one.",
      {}};
  for (const std::size_t n : {100u, 1000u, 5000u, 9000u}) {
    if (2 * n + 100 < most_descriptors()) workload.contests.push_back(contest(n));
  }
  return compete(workload, argc, argv);
}
