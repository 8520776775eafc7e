// SPDX-License-Identifier: Apache-2.0
// Resident memory for each descriptor, timer and queued callback.

#include <sys/resource.h>

#include <fstream>
#include <memory>
#include <mutex>
#include <string>

#include "harness.h"
#include "wakeable.h"

namespace tornado::bench {
namespace {

// Without the pages of files: code that runs for the first time is no one's memory.
double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double size = 0;
  double resident = 0;
  double of_files = 0;
  file >> size >> resident >> of_files;
  return (resident - of_files) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

/// What `n` of something have added. `make` includes what their user has to keep.
template <class F>
void measure(Round& round, std::size_t n, F make) {
  const double before = resident_bytes();
  make();
  const double bytes = resident_bytes() - before;
  round.set("memory", bytes / static_cast<double>(n));
}

constexpr std::size_t descriptors = 15000;
constexpr std::size_t many = 500000;
constexpr std::chrono::hours far{1};

std::vector<UniqueFd> open_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t n = std::min<std::size_t>(descriptors, limit.rlim_cur - 100);
  std::vector<UniqueFd> fds(n);
  for (UniqueFd& fd : fds) {
    fd.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    check(static_cast<bool>(fd), "eventfd");
  }
  return fds;
}

void tornado_descriptors(Round& round) {
  const auto fds = open_descriptors();
  IOLoop loop;
  std::size_t calls = 0;
  measure(round, fds.size(), [&] {
    for (const UniqueFd& fd : fds) {
      loop.add_handler(
          fd.get(), [&calls](NativeFd, Events) { ++calls; }, Events::read);
    }
  });
}

void tornado_timers(Round& round) {
  IOLoop loop;
  std::vector<TimeoutHandle> handles;
  std::size_t calls = 0;
  measure(round, many, [&] {
    handles.resize(many);
    for (auto& handle : handles) handle = loop.call_later(far, [&calls] { ++calls; });
  });
}

// As the following ones, 16 bytes of capture.
void tornado_callbacks(Round& round) {
  IOLoop loop;
  std::size_t calls = 0;
  measure(round, many, [&] {
    for (std::size_t i = 0; i < many; ++i)
      loop.add_callback([&calls, i] { calls += i; });
  });
}

void plain_vector(Round& round) {
  std::vector<std::function<void()>> queue;
  std::size_t calls = 0;
  measure(round, many, [&] {
    for (std::size_t i = 0; i < many; ++i) queue.push_back([&calls, i] { calls += i; });
  });
}

#if BENCH_LIBUV
void uv_descriptors(Round& round) {
  const auto fds = open_descriptors();
  uv_loop_t loop;
  ::uv_loop_init(&loop);
  std::vector<uv_poll_t> polls;
  measure(round, fds.size(), [&] {
    polls.resize(fds.size());
    for (std::size_t i = 0; i < fds.size(); ++i) {
      ::uv_poll_init(&loop, &polls[i], fds[i].get());
      ::uv_poll_start(&polls[i], UV_READABLE, [](uv_poll_t*, int, int) {});
    }
    ::uv_run(&loop, UV_RUN_NOWAIT);
  });
}

void uv_timers(Round& round) {
  uv_loop_t loop;
  ::uv_loop_init(&loop);
  std::vector<uv_timer_t> timers;
  measure(round, many, [&] {
    timers.resize(many);
    for (uv_timer_t& timer : timers) {
      ::uv_timer_init(&loop, &timer);
      ::uv_timer_start(
          &timer, [](uv_timer_t*) {}, 3600000, 0);
    }
  });
}
#endif

#if BENCH_LIBEVENT
void event_descriptors(Round& round) {
  const auto fds = open_descriptors();
  event_base* base = ::event_base_new();
  std::vector<event*> events;
  measure(round, fds.size(), [&] {
    for (const UniqueFd& fd : fds) {
      events.push_back(::event_new(
          base, fd.get(), EV_READ | EV_PERSIST, [](evutil_socket_t, short, void*) {},
          nullptr));
      ::event_add(events.back(), nullptr);
    }
  });
}

void event_timers(Round& round) {
  event_base* base = ::event_base_new();
  std::vector<event*> events;
  static constexpr timeval hour{3600, 0};
  measure(round, many, [&] {
    for (std::size_t i = 0; i < many; ++i) {
      events.push_back(::event_new(
          base, -1, 0, [](evutil_socket_t, short, void*) {}, nullptr));
      ::event_add(events.back(), &hour);
    }
  });
}
#endif

#if BENCH_LIBEV
void ev_descriptors(Round& round) {
  const auto fds = open_descriptors();
  struct ev_loop* loop = ::ev_loop_new(EVBACKEND_EPOLL);
  std::vector<ev_io> watchers;
  measure(round, fds.size(), [&] {
    watchers.resize(fds.size());
    for (std::size_t i = 0; i < fds.size(); ++i) {
      ev_io_init(
          &watchers[i], [](struct ev_loop*, ev_io*, int) {}, fds[i].get(), libev_read);
      ::ev_io_start(loop, &watchers[i]);
    }
    ::ev_run(loop, EVRUN_NOWAIT);
  });
}

void ev_timers(Round& round) {
  struct ev_loop* loop = ::ev_loop_new(EVBACKEND_EPOLL);
  std::vector<ev_timer> timers;
  measure(round, many, [&] {
    timers.resize(many);
    for (ev_timer& timer : timers) {
      ev_timer_init(
          &timer, [](struct ev_loop*, ev_timer*, int) {}, 3600., 0.);
      ::ev_timer_start(loop, &timer);
    }
  });
}
#endif

#if BENCH_ASIO
void asio_descriptors(Round& round) {
  const auto fds = open_descriptors();
  asio::io_context context(1);
  std::vector<asio::posix::stream_descriptor> watched;
  measure(round, fds.size(), [&] {
    watched.reserve(fds.size());
    for (const UniqueFd& fd : fds) {
      watched.emplace_back(context, fd.get());
      watched.back().async_wait(asio::posix::stream_descriptor::wait_read,
                                [](const asio::error_code&) {});
    }
  });
  for (auto& one : watched) (void)one.release();
}

void asio_timers(Round& round) {
  asio::io_context context(1);
  std::vector<asio::steady_timer> timers;
  measure(round, many, [&] {
    timers.reserve(many);
    for (std::size_t i = 0; i < many; ++i) {
      timers.emplace_back(context, far);
      timers.back().async_wait([](const asio::error_code&) {});
    }
  });
}

void asio_callbacks(Round& round) {
  asio::io_context context(1);
  std::size_t calls = 0;
  measure(round, many, [&] {
    for (std::size_t i = 0; i < many; ++i) {
      asio::post(context, [&calls, i] { calls += i; });
    }
  });
}
#endif

Contest for_each(const char* what, std::vector<Contestant> contestants) {
  return {
      std::string("memory, ") + what, {{"memory", "bytes"}}, std::move(contestants)};
}

Contest of_descriptors() {
  return for_each("a watched descriptor", {
    {"tornado", Role::ours, &tornado_descriptors},
#if BENCH_LIBUV
        {"libuv", Role::peer, &uv_descriptors},
#endif
#if BENCH_LIBEVENT
        {"libevent", Role::peer, &event_descriptors},
#endif
#if BENCH_LIBEV
        {"libev", Role::peer, &ev_descriptors},
#endif
#if BENCH_ASIO
        {"asio", Role::peer, &asio_descriptors},
#endif
  });
}

Contest of_timers() {
  return for_each("a pending timer", {
    {"tornado", Role::ours, &tornado_timers},
#if BENCH_LIBUV
        {"libuv", Role::peer, &uv_timers},
#endif
#if BENCH_LIBEVENT
        {"libevent", Role::peer, &event_timers},
#endif
#if BENCH_LIBEV
        {"libev", Role::peer, &ev_timers},
#endif
#if BENCH_ASIO
        {"asio", Role::peer, &asio_timers},
#endif
  });
}

Contest of_callbacks() {
  return for_each("a queued callback", {
    {"tornado", Role::ours, &tornado_callbacks},
        {"vector of std::function", Role::floor, &plain_vector},
#if BENCH_ASIO
        {"asio", Role::peer, &asio_callbacks},
#endif
  });
}

}  // namespace
}  // namespace tornado::bench

int main(int argc, char** argv) {
  using namespace tornado::bench;
  return compete(
      {"memory",
       "Growth of the anonymous resident set, with what the user has to keep; not what "
       "the kernel keeps. 15000 descriptors, 500000 timers and callbacks. "
       "Vectors grow by doubling: what they hold ready is counted if touched.",
       {of_descriptors(), of_timers(), of_callbacks()}},
      argc, argv);
}
