// SPDX-License-Identifier: Apache-2.0
// What tasks cost: awaits, chains, spawning, yielding, sleeping, queues, threads,
// cancelling and memory.

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <list>
#include <new>

#include "affinity.h"
#include "harness.h"
#include "task_loops.h"
#include "usage.h"
#include "wakeable.h"
#if BENCH_ASIO
#include <asio/experimental/channel.hpp>
#endif

namespace {
std::atomic<std::uint64_t> allocations{0};

// Not inline, or g++ takes free() for a mistake where it sees both.
[[gnu::noinline]] void give_back(void* block) noexcept {
  std::free(block);
}
}  // namespace

void* operator new(std::size_t size) {
  // Not one step: only one thread of each measurement is counted.
  allocations.store(allocations.load(std::memory_order_relaxed) + 1,
                    std::memory_order_relaxed);
  if (void* const block = std::malloc(size)) return block;
  throw std::bad_alloc();
}
// Asio allocates by this.
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  allocations.store(allocations.load(std::memory_order_relaxed) + 1,
                    std::memory_order_relaxed);
  void* block = nullptr;
  return ::posix_memalign(&block, alignment, size) == 0 ? block : nullptr;
}
void operator delete(void* block) noexcept {
  give_back(block);
}
void operator delete(void* block, std::size_t) noexcept {
  give_back(block);
}

namespace tornado::bench {
namespace {

constexpr std::size_t depth = 100;
constexpr std::size_t many = 1000;

/// From its making to finish(), after a warm-up of the same kind.
class Span {
 public:
  void finish(Round& round, std::size_t operations) const {
    const auto n = static_cast<double>(operations);
    round.set("time", (thread_cpu_ns() - begin_) / n);
    round.set("allocations", static_cast<double>(allocations - before_) / n);
  }

 private:
  std::uint64_t before_ = allocations;
  double begin_ = thread_cpu_ns();
};

template <class L>
struct Programs {
  template <class T>
  using Task = typename L::template Task<T>;

  static Task<int> one() { co_return 1; }
  static Task<int> deep(std::size_t levels) {
    if (levels == 1) co_return 1;
    co_return 1 + co_await deep(levels - 1);
  }
  static Task<void> children(std::size_t n) {
    int sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += co_await one();
    check(sum == static_cast<int>(n), "a child was lost");
  }
  static Task<void> chains(std::size_t n) {
    for (std::size_t i = 0; i < n; i += depth) {
      check(co_await deep(depth) == static_cast<int>(depth), "a level was lost");
    }
  }
  static Task<void> moments(L& l, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) co_await l.moment();
  }
  static Task<void> sleeps(L& l, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) co_await l.sleep();
  }
  static Task<void> count(std::size_t& ended) {
    ++ended;
    co_return;
  }
  static Task<void> spawns(L& l, std::size_t n) {
    std::size_t ended = 0;
    for (std::size_t i = 0; i < n; i += many) {
      for (std::size_t j = 0; j < many; ++j) l.spawn(count(ended));
      while (ended < i + many) co_await l.moment();
    }
  }
  static Task<void> pairs(L& l, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) co_await l.both(one(), one());
  }
  static Task<void> pairs_that_yield(L& l, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) co_await l.both(moments(l, 1), moments(l, 1));
  }
};

/// Runs `program(loop, n)` to warm up, and then measured.
template <class L, class F>
void measure(Round& round, std::size_t usual, F program) {
  pin(allowed_cores().front());
  const std::size_t n = std::max(round.times(usual) / many, std::size_t{1}) * many;
  L l;
  program(l, many);
  const Span span;
  program(l, n);
  span.finish(round, n);
}

/// Tasks at once, each with its share of the steps.
template <class L, class F>
void at_once(L& l, std::size_t n, F task) {
  const auto all = [](L& me, std::size_t share, F each) -> typename L::template Task<> {
    for (std::size_t i = 1; i < many; ++i) me.spawn(each(me, share));
    co_await each(me, share);
    // The others end in the same turn or in the next.
    for (int i = 0; i < 3; ++i) co_await me.moment();
  };
  l.run(all(l, n / many, task));
}

template <class F>
Contest contest(const std::string& title, std::size_t usual, F program) {
  const auto make = [=](const char* who, Role role, auto type) {
    return Contestant{who, role, [=](Round& round) {
                        measure<typename decltype(type)::Type>(round, usual, program);
                      }};
  };
  return {"task, " + title,
          {{"time", "ns of processor"}, {"allocations", "per operation"}},
          {make("tornado", Role::ours, LoopType<Ours>()),
           make("written by hand", Role::floor, LoopType<Floor>()),
#if BENCH_ASIO
           make("asio", Role::peer, LoopType<Asio>())
#endif
          }};
}

// The rest is not written by hand.

/// One task puts, another gets, and at most 16 items wait.
void through_queue(Ours& l, std::size_t n) {
  Queue<int> queue(16);
  const auto put = [](Queue<int>& to, std::size_t times) -> Task<> {
    for (std::size_t i = 0; i < times; ++i) co_await to.put(1);
  };
  const auto get = [](Queue<int>& from, std::size_t times) -> Task<> {
    for (std::size_t i = 0; i < times; ++i) check(co_await from.get() == 1, "item");
  };
  l.spawn(put(queue, n));
  l.run(get(queue, n));
}

/// Tasks that sleep until they are cancelled.
void cancelled(Ours& l, std::size_t n) {
  const auto all = [](std::size_t tasks) -> Task<> {
    TaskGroup group;
    for (std::size_t i = 0; i < tasks; ++i) {
      group.start([]() -> Task<> { co_await sleep(std::chrono::hours(1)); }());
    }
    co_await moment();
    co_await moment();
    group.cancel();
    co_await group.join();
  };
  l.run(all(n));
}

/// Jobs on one other thread, `many` at once.
void through_executor(Ours& l, std::size_t n) {
  Executor executor(1);
  l.loop.set_default_executor(executor);
  at_once(l, n, [](Ours&, std::size_t share) -> Task<> {
    for (std::size_t i = 0; i < share; ++i) {
      check(co_await run_in_executor([] { return 1; }) == 1, "result");
    }
  });
}

/// The bytes of a task that sleeps, and of all that it needs.
void bytes_asleep(Ours& l, Round& round) {
  const std::size_t n = round.times(100000);
  const auto measured = [](Round& to, std::size_t tasks) -> Task<> {
    TaskGroup group;
    const std::size_t before = ::mallinfo2().uordblks;
    for (std::size_t i = 0; i < tasks; ++i) {
      group.start([]() -> Task<> { co_await sleep(std::chrono::hours(1)); }());
    }
    co_await moment();
    co_await moment();
    const std::size_t bytes = ::mallinfo2().uordblks - before;
    to.set("bytes", static_cast<double>(bytes) / static_cast<double>(tasks));
  };
  l.run(measured(round, n));
}

#if BENCH_ASIO
void through_queue(Asio& l, std::size_t n) {
  using Channel = asio::experimental::channel<void(asio::error_code, int)>;
  Channel channel(l.loop, 16);
  const auto put = [](Channel& to, std::size_t times) -> Asio::Task<> {
    for (std::size_t i = 0; i < times; ++i) {
      co_await to.async_send(asio::error_code(), 1, asio::use_awaitable);
    }
  };
  const auto get = [](Channel& from, std::size_t times) -> Asio::Task<> {
    for (std::size_t i = 0; i < times; ++i) {
      check(co_await from.async_receive(asio::use_awaitable) == 1, "item");
    }
  };
  l.spawn(put(channel, n));
  l.run(get(channel, n));
}

Asio::Task<> asio_sleep(Asio& l) {
  asio::steady_timer timer(l.loop, std::chrono::hours(1));
  co_await timer.async_wait(asio::use_awaitable);
}

void cancelled(Asio& l, std::size_t n) {
  std::list<asio::cancellation_signal> signals;
  for (std::size_t i = 0; i < n; ++i) {
    signals.emplace_back();
    const auto end = [](const std::exception_ptr&) {};
    asio::co_spawn(l.loop, asio_sleep(l),
                   asio::bind_cancellation_slot(signals.back().slot(), end));
  }
  l.loop.poll();
  for (auto& one : signals) one.emit(asio::cancellation_type::terminal);
  l.loop.run();
  l.loop.restart();
}

void through_executor(Asio& l, std::size_t n) {
  static asio::thread_pool pool(1);
  at_once(l, n, [](Asio&, std::size_t share) -> Asio::Task<> {
    for (std::size_t i = 0; i < share; ++i) {
      const auto job = []() -> Asio::Task<int> { co_return 1; };
      check(co_await asio::co_spawn(pool, job(), asio::use_awaitable) == 1, "result");
    }
  });
}

void bytes_asleep(Asio& l, Round& round) {
  const std::size_t n = round.times(100000);
  const std::size_t before = ::mallinfo2().uordblks;
  for (std::size_t i = 0; i < n; ++i) l.spawn(asio_sleep(l));
  l.loop.poll();
  const std::size_t bytes = ::mallinfo2().uordblks - before;
  round.set("bytes", static_cast<double>(bytes) / static_cast<double>(n));
}
#endif

template <class F>
std::vector<Contestant> ours_and_asio(F run) {
  return {
    {"tornado", Role::ours, [=](Round& round) { run(round, LoopType<Ours>()); }},
#if BENCH_ASIO
    {
      "asio", Role::peer, [=](Round& round) { run(round, LoopType<Asio>()); }
    }
#endif
  };
}

template <class F>
Contest rest(const std::string& title, std::size_t usual, F program) {
  return {"task, " + title,
          {{"time", "ns of processor"}, {"allocations", "per operation"}},
          ours_and_asio([=](Round& round, auto type) {
            measure<typename decltype(type)::Type>(round, usual, program);
          })};
}

Contest executor() {
  return {"task, a result from another thread",
          {{"time", "ns, by the clock"}, {"cpu", "ns of both processors"}},
          ours_and_asio([](Round& round, auto type) {
            const std::size_t n = round.times(200) * many;
            typename decltype(type)::Type l;
            const Usage usage;
            const auto begin = Clock::now();
            through_executor(l, n);
            const std::chrono::duration<double, std::nano> time = Clock::now() - begin;
            round.set("time", time.count() / static_cast<double>(n));
            round.set("cpu", usage.cpu_us() * 1000 / static_cast<double>(n));
          })};
}

Contest memory() {
  return {"task, asleep",
          {{"bytes", "of memory"}},
          ours_and_asio([](Round& round, auto type) {
            typename decltype(type)::Type l;
            bytes_asleep(l, round);
          })};
}

std::vector<Contest> contests() {
  return {
      contest("awaits a child", 3000000,
              []<class L>(L& l, std::size_t n) { l.run(Programs<L>::children(n)); }),
      contest("awaits 100 levels, each", 3000000,
              []<class L>(L& l, std::size_t n) { l.run(Programs<L>::chains(n)); }),
      contest("yields, 1 task", 300000,
              []<class L>(L& l, std::size_t n) { l.run(Programs<L>::moments(l, n)); }),
      contest(
          "yields, 1,000 tasks", 3000000,
          []<class L>(L& l, std::size_t n) { at_once(l, n, &Programs<L>::moments); }),
      contest("sleeps 0, 1 task", 100000,
              []<class L>(L& l, std::size_t n) { l.run(Programs<L>::sleeps(l, n)); }),
      contest(
          "sleeps 0, 1,000 tasks", 1000000,
          []<class L>(L& l, std::size_t n) { at_once(l, n, &Programs<L>::sleeps); }),
      contest("spawned", 1000000,
              []<class L>(L& l, std::size_t n) { l.run(Programs<L>::spawns(l, n)); }),
      contest("two at once, ready", 100000,
              []<class L>(L& l, std::size_t n) { l.run(Programs<L>::pairs(l, n)); }),
      contest("two at once, yielding", 100000,
              []<class L>(L& l, std::size_t n) {
                l.run(Programs<L>::pairs_that_yield(l, n));
              }),
      rest("through a queue of 16", 1000000,
           [](auto& l, std::size_t n) { through_queue(l, n); }),
      rest("cancelled in its sleep", 10000,
           [](auto& l, std::size_t n) { cancelled(l, n); }),
      executor(),
      memory(),
  };
}

}  // namespace
}  // namespace tornado::bench

int main(int argc, char** argv) {
  using namespace tornado::bench;
  return compete({"tasks",
                  "Tasks beside tasks that are written by hand and do less, and beside "
                  "Asio's awaitables.",
                  contests()},
                 argc, argv);
}
