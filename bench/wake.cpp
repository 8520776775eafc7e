// SPDX-License-Identifier: Apache-2.0
// Two loops on two threads wake each other in turn.

#include <atomic>
#include <memory>
#include <thread>

#include "affinity.h"
#include "call_count.h"
#include "harness.h"
#include "usage.h"
#include "wakeable.h"

namespace tornado::bench {
namespace {

using Microseconds = std::chrono::duration<double, std::micro>;

template <class Loop>
void ping_pong(Round& round, Cores cores, std::size_t trips) {
  std::unique_ptr<Loop> here;
  std::unique_ptr<Loop> there;
  std::vector<double> times;
  times.reserve(trips);
  bool last = false;  // passed on by the wake
  Clock::time_point sent;

  here = std::make_unique<Loop>([&] {
    times.push_back(Microseconds(Clock::now() - sent).count());
    last = times.size() == trips;
    if (last) here->stop();
    sent = Clock::now();
    there->wake();
  });
  there = std::make_unique<Loop>([&] {
    if (last) {
      there->stop();
    } else {
      here->wake();
    }
  });
  std::thread other([&] {
    pin(cores.second);
    const CountedSpan counted;
    there->run();
  });
  pin(cores.first);
  const Usage usage;
  {
    const CountedSpan counted;
    sent = Clock::now();
    there->wake();
    here->run();
  }
  other.join();
  check(times.size() == trips, "a wake was lost or came twice");
  round.set("sleeps", usage.sleeps() / static_cast<double>(trips));
  round.set("cpu", usage.cpu_us() / static_cast<double>(trips));
  round.set_operations(trips);
  round.set_latencies(std::move(times));
}

/// Two threads and two flags: the cost when no thread sleeps.
void spin_flags(Round& round, Cores cores, std::size_t trips) {
  std::atomic<std::size_t> ping{0};
  std::atomic<std::size_t> pong{0};
  std::thread other([&] {
    pin(cores.second);
    for (std::size_t i = 1; i <= trips; ++i) {
      while (ping.load(std::memory_order_acquire) != i) {
      }
      pong.store(i, std::memory_order_release);
    }
  });
  pin(cores.first);
  const Usage usage;
  std::vector<double> times;
  times.reserve(trips);
  for (std::size_t i = 1; i <= trips; ++i) {
    const auto sent = Clock::now();
    ping.store(i, std::memory_order_release);
    while (pong.load(std::memory_order_acquire) != i) {
    }
    times.push_back(Microseconds(Clock::now() - sent).count());
  }
  other.join();
  round.set("sleeps", usage.sleeps() / static_cast<double>(trips));
  round.set("cpu", usage.cpu_us() / static_cast<double>(trips));
  round.set_latencies(std::move(times));
}

Contest contest(const char* name, Cores (*cores)(), std::size_t trips) {
  const auto make = [&](const char* who, Role role, auto type) {
    return Contestant{who, role, [=](Round& round) {
                        using Loop = typename decltype(type)::Type;
                        ping_pong<Loop>(round, cores(), round.times(trips));
                      }};
  };
  return {name,
          {{"p50", "us per round trip"},
           {"p99", "us per round trip"},
           {"sleeps", "per round trip", Better::neither},
           {"cpu", "us per round trip", Better::lower}},
          every_loop(make),
          "round trip"};
}

/// The variants that do not sleep.
void add_spinners(Contest& contest) {
  contest.contestants.push_back({"tornado, spin 50 us", Role::ours, [](Round& round) {
                                   ping_pong<TornadoSpinLoop>(round, cross_core(),
                                                              round.times(2000));
                                 }});
  contest.contestants.push_back({"two flags, spinning", Role::floor, [](Round& round) {
                                   spin_flags(round, cross_core(), round.times(100000));
                                 }});
}

int run(int argc, char** argv) {
  Workload workload{"wake",
                    "Two loops wake each other in turn. Whether they sleep in between "
                    "is their affair: see sleeps and cpu.",
                    {contest("wake, same core", &same_core, 20000)}};
  if (has_two_cores()) {
    workload.contests.push_back(contest("wake, other core", &cross_core, 2000));
    add_spinners(workload.contests.back());
  }
  return compete(workload, argc, argv);
}

}  // namespace
}  // namespace tornado::bench

int main(int argc, char** argv) {
  return tornado::bench::run(argc, argv);
}
