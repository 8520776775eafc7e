// SPDX-License-Identifier: Apache-2.0
// The parts inside a process, each without the others and without system calls.

#include <benchmark/benchmark.h>
#include <fcntl.h>

#include <random>
#include <vector>

#include "fake_poller.h"
#include "loop/callback_queue.h"
#include "loop/handler_table.h"
#include "loop/timer_queue.h"
#include "tornado/tornado.h"

namespace tornado::bench {
namespace {

using benchmark::State;

const std::source_location here = std::source_location::current();

std::vector<TimePoint> random_deadlines(std::size_t n) {
  std::mt19937_64 random(20211);
  std::uniform_int_distribution<std::int64_t> delay(0, std::int64_t{3600} * 1000000000);
  std::vector<TimePoint> deadlines(n);
  for (TimePoint& one : deadlines) {
    one = TimePoint(std::chrono::nanoseconds(delay(random)));
  }
  return deadlines;
}

// Others' callbacks, a batch at a time.
void callback_queue_push_take(State& state) {
  const auto batch_size = state.range(0);
  CallbackQueue queue;
  CallbackList batch;
  std::size_t ran = 0;
  for (auto unused : state) {
    for (std::int64_t i = 0; i < batch_size; ++i) queue.push([&ran] { ++ran; }, here);
    queue.take(batch);
    for (; !batch.empty(); batch.pop_front()) batch.front().call();
  }
  state.SetItemsProcessed(state.iterations() * batch_size);
  if (ran != static_cast<std::size_t>(state.iterations() * batch_size)) {
    state.SkipWithError("callbacks were lost");
  }
}
BENCHMARK(callback_queue_push_take)->Arg(1)->Arg(64)->Arg(4096);

// The loop's own callbacks.
void callback_queue_push_own_take(State& state) {
  const auto batch_size = state.range(0);
  CallbackQueue queue;
  CallbackList batch;
  std::size_t ran = 0;
  for (auto unused : state) {
    for (std::int64_t i = 0; i < batch_size; ++i) {
      queue.push_own([&ran] { ++ran; }, here);
    }
    queue.take(batch);
    for (; !batch.empty(); batch.pop_front()) batch.front().call();
  }
  state.SetItemsProcessed(state.iterations() * batch_size);
  benchmark::DoNotOptimize(ran);
}
BENCHMARK(callback_queue_push_own_take)->Arg(1)->Arg(64)->Arg(4096);

void timer_queue_add_take(State& state) {
  const auto deadlines = random_deadlines(static_cast<std::size_t>(state.range(0)));
  TimerQueue timers;
  std::vector<TimerQueue::Id> ids(deadlines.size());
  for (auto unused : state) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      ids[i] = timers.add(
          deadlines[i], [] {}, here);
    }
    for (const auto id : ids) benchmark::DoNotOptimize(timers.take(id));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(timer_queue_add_take)->Arg(1000)->Arg(100000)->Arg(1000000);

void timer_queue_move_later(State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  TimerQueue timers;
  std::vector<TimerQueue::Id> ids(n);
  TimePoint deadline(std::chrono::hours(1));
  for (auto& id : ids)
    id = timers.add(
        deadline, [] {}, here);
  std::mt19937 random(20211);
  for (auto unused : state) {
    deadline += std::chrono::microseconds(1);
    auto& id = ids[random() % n];
    id = timers.move(id, deadline);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(timer_queue_move_later)->Arg(1000)->Arg(100000);

void timer_queue_fire(State& state) {
  const auto deadlines = random_deadlines(static_cast<std::size_t>(state.range(0)));
  std::vector<TimerQueue::Id> due;
  for (auto unused : state) {
    state.PauseTiming();
    auto timers = std::make_unique<TimerQueue>();
    for (const TimePoint deadline : deadlines)
      timers->add(
          deadline, [] {}, here);
    due.clear();
    state.ResumeTiming();
    timers->collect_due(TimePoint(std::chrono::hours(2)), due);
    for (const auto id : due) benchmark::DoNotOptimize(timers->take(id));
    state.PauseTiming();
    if (due.size() != deadlines.size()) state.SkipWithError("timers were lost");
    timers.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(timer_queue_fire)->Arg(1000)->Arg(100000)->Arg(1000000);

/// Descriptors with the numbers from first_fake_fd on.
std::vector<UniqueFd> open_descriptors(std::size_t n) {
  const UniqueFd null = open_file("/dev/null", O_RDONLY);
  std::vector<UniqueFd> fds;
  for (std::size_t i = 0; i < n; ++i) {
    fds.emplace_back(::fcntl(null.get(), F_DUPFD_CLOEXEC, first_fake_fd));
  }
  return fds;
}

// A whole turn of a loop, with all of its descriptors ready, over a poller that is an
// array: per event, what the loop itself costs.
void loop_dispatch(State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  const auto fds = open_descriptors(n);
  IOLoop loop(PollerKind::epoll);
  std::size_t calls = 0;
  std::size_t turns_left = 1000;
  for (std::size_t i = 0; i < n; ++i) {
    const bool last = i == n - 1;
    const auto handler = [&, last](NativeFd, Events) {
      ++calls;
      if (last && --turns_left == 0) loop.stop();
    };
    loop.add_handler(fds[i].get(), handler, Events::read);
  }
  for (auto unused : state) {
    turns_left = 1000;
    loop.start();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(calls));
  if (calls != n * 1000 * static_cast<std::size_t>(state.iterations())) {
    state.SkipWithError("events were lost");
  }
}
BENCHMARK(loop_dispatch)->Arg(1)->Arg(16)->Arg(256);

// The same calls with nothing around.
void floor_dispatch(State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  std::vector<IOLoop::Handler> handlers(n);
  std::size_t calls = 0;
  for (auto& handler : handlers) handler = [&calls](NativeFd, Events) { ++calls; };
  for (auto unused : state) {
    for (auto& handler : handlers) handler(first_fake_fd, Events::read);
  }
  benchmark::DoNotOptimize(calls);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(floor_dispatch)->Arg(1)->Arg(16)->Arg(256);

}  // namespace
}  // namespace tornado::bench

BENCHMARK_MAIN();
