// SPDX-License-Identifier: Apache-2.0
// Threads post closures to a loop as fast as they can.

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "call_count.h"
#include "harness.h"
#include "neighbours.h"
#include "usage.h"
#include "wakeable.h"

namespace tornado::bench {
namespace {

/// What the closures do: count, and see that each thread's come in order.
struct Tally {
  explicit Tally(std::size_t producers) : next(producers) {}
  void ran(std::uint32_t producer, std::uint32_t number) {
    if (next[producer]++ != number) in_order = false;
    ++count;
  }
  std::vector<std::uint32_t> next;
  std::size_t count = 0;
  bool in_order = true;
};

/// 16 bytes.
struct Closure {
  Tally* tally;
  std::uint32_t producer;
  std::uint32_t number;
  void operator()() const { tally->ran(producer, number); }
};

class TornadoTarget {
 public:
  template <class F>
  void post(F closure) {
    loop_.add_callback(std::move(closure));
  }
  void stop() { loop_.stop(); }
  void run() { loop_.start(); }

 private:
  IOLoop loop_;
};

/// What users of a C library put beside its wake: a mutex and a vector.
template <class Loop>
class QueueTarget {
 public:
  QueueTarget() : loop_([this] { run_batch(); }) {}
  template <class F>
  void post(F closure) {
    {
      const std::scoped_lock lock(mutex_);
      queue_.emplace_back(std::move(closure));
    }
    loop_.wake();
  }
  void stop() { loop_.stop(); }
  void run() { loop_.run(); }

 private:
  void run_batch() {
    {
      const std::scoped_lock lock(mutex_);
      batch_.swap(queue_);
    }
    for (auto& closure : batch_) closure();
    batch_.clear();
  }

  std::mutex mutex_;
  std::vector<std::function<void()>> queue_;
  std::vector<std::function<void()>> batch_;
  Loop loop_;
};

/// The same, and a consumer that never sleeps: what a wake may add to.
class SpinLoop {
 public:
  explicit SpinLoop(OnWake on_wake) : on_wake_(std::move(on_wake)) {}
  void wake() {}
  void run() {
    while (!stopped_) on_wake_();
  }
  void stop() { stopped_ = true; }

 private:
  OnWake on_wake_;
  bool stopped_ = false;
};

#if BENCH_LIBEVENT
class EventOnceTarget {
 public:
  EventOnceTarget() : loop_([] {}) {}
  template <class F>
  void post(F closure) {
    static constexpr timeval now{};
    ::event_base_once(
        loop_.base(), -1, EV_TIMEOUT,
        [](evutil_socket_t, short, void* it) {
          const std::unique_ptr<F> mine(static_cast<F*>(it));
          (*mine)();
        },
        new F(std::move(closure)), &now);
  }
  void stop() { loop_.stop(); }
  void run() { loop_.run(); }

 private:
  EventLoop loop_;
};
#endif

#if BENCH_ASIO
class AsioTarget {
 public:
  template <class F>
  void post(F closure) {
    asio::post(loop_.context(), std::move(closure));
  }
  void stop() { loop_.stop(); }
  void run() { loop_.run(); }

 private:
  AsioLoop loop_{[] {}};
};
#endif

/// What a producer does besides posting.
void multiply(unsigned times) {
  volatile std::uint64_t value = 3;
  for (unsigned i = 0; i < times; ++i) value = value * 5;
}

struct Load {
  std::size_t producers;
  std::size_t neighbours = 0;
  bool functions = false;  ///< each closure is posted as a std::function
  unsigned work = 0;       ///< multiplications of the producer before each post
};

/// Every producer posts its share. The last one to finish posts the end.
template <class Target>
void throughput(Round& round, Load load) {
  const Neighbours neighbours(load.neighbours);
  const std::size_t producers = load.producers;
  const std::size_t share = round.times(1000000) / producers;
  const std::size_t all = share * producers;
  Target target;
  Tally tally(producers);
  std::atomic<bool> go{false};
  std::atomic<std::size_t> ready{0};
  std::size_t posting = producers;
  std::vector<std::thread> threads;
  for (std::uint32_t id = 0; id < producers; ++id) {
    threads.emplace_back([&, id] {
      ++ready;
      while (!go.load()) std::this_thread::yield();
      for (std::uint32_t i = 0; i < share; ++i) {
        multiply(load.work);
        const Closure closure{&tally, id, i};
        if (load.functions) {
          target.post(std::function<void()>(closure));
        } else {
          target.post(closure);
        }
      }
      target.post([&] {
        if (--posting == 0) target.stop();
      });
    });
  }
  while (ready.load() < producers) std::this_thread::yield();
  const Usage usage;
  const auto begin = Clock::now();
  go = true;
  target.run();
  const std::chrono::duration<double, std::micro> time = Clock::now() - begin;
  for (std::thread& thread : threads) thread.join();
  check(tally.count == all, "a post was lost, or ran twice");
  check(tally.in_order, "a thread's posts ran in another order");
  round.set("posts", static_cast<double>(all) / time.count());
  round.set("cpu", usage.cpu_us() * 1000 / static_cast<double>(all));
}

/// What a post costs the poster in system calls while the loop is at work elsewhere.
template <class Target>
void post_to_busy(Round& round) {
  const std::size_t all = round.times(20000);
  Target target;
  Tally tally(1);
  std::atomic<bool> posted{false};
  std::atomic<bool> busy{false};
  double time = 0;
  std::thread poster([&] {
    while (!busy.load()) std::this_thread::yield();
    {
      const CountedSpan counted;
      const auto begin = Clock::now();
      for (std::uint32_t i = 0; i < all; ++i) target.post(Closure{&tally, 0, i});
      time = std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
    }
    target.post([&target] { target.stop(); });
    posted = true;
  });
  target.post([&] {
    busy = true;
    while (!posted.load()) std::this_thread::yield();
  });
  target.run();
  poster.join();
  check(tally.count == all && tally.in_order, "a post was lost");
  round.set("post", time / static_cast<double>(all));
  round.set_operations(all);
}

template <class Make>
std::vector<Contestant> every_target(Make make) {
  return {
    make("tornado", Role::ours, LoopType<TornadoTarget>()),
        make("mutex and vector, spinning", Role::floor,
             LoopType<QueueTarget<SpinLoop>>()),
#if BENCH_LIBUV
        make("libuv, mutex and vector", Role::peer, LoopType<QueueTarget<UvLoop>>()),
#endif
#if BENCH_LIBEVENT
        make("libevent, mutex and vector", Role::peer,
             LoopType<QueueTarget<EventLoop>>()),
        make("libevent, event_base_once", Role::peer, LoopType<EventOnceTarget>()),
#endif
#if BENCH_LIBEV
        make("libev, mutex and vector", Role::peer, LoopType<QueueTarget<EvLoop>>()),
#endif
#if BENCH_ASIO
        make("asio", Role::peer, LoopType<AsioTarget>()),
#endif
  };
}

Contest throughput_contest(const std::string& name, Load load) {
  const auto make = [=](const char* who, Role role, auto type) {
    return Contestant{who, role, [=](Round& round) {
                        throughput<typename decltype(type)::Type>(round, load);
                      }};
  };
  return {"posts, " + name,
          {{"posts", "millions per second", Better::higher}, {"cpu", "ns per post"}},
          every_target(make)};
}

Contest busy_contest() {
  const auto make = [](const char* who, Role role, auto type) {
    return Contestant{who, role, [](Round& round) {
                        post_to_busy<typename decltype(type)::Type>(round);
                      }};
  };
  return {"posts, to a loop inside a callback",
          {{"post", "ns"}},
          every_target(make),
          "post"};
}

}  // namespace
}  // namespace tornado::bench

int main(int argc, char** argv) {
  using namespace tornado::bench;
  return compete(
      {"post",
       "Closures of 16 bytes, from threads that do nothing else, to one loop.",
       {throughput_contest("1 producer", {1}), throughput_contest("2 producers", {2}),
        throughput_contest("4 producers", {4}),
        throughput_contest("1 producer, busy neighbours", {1, 2}),
        throughput_contest("2 producers, busy neighbours", {2, 2}),
        throughput_contest("4 producers, busy neighbours", {4, 2}),
        throughput_contest("1 producer of a std::function", {1, 0, true}),
        throughput_contest("2 producers that work", {2, 0, false, 100}),
        throughput_contest("2 producers that work, busy neighbours",
                           {2, 2, false, 100}),
        busy_contest()}},
      argc, argv);
}
