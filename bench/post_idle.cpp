// SPDX-License-Identifier: Apache-2.0
// A post to a loop that has nothing to do: until it runs, and what the call costs.

#include <algorithm>
#include <atomic>
#include <ctime>
#include <memory>
#include <thread>

#include "affinity.h"
#include "harness.h"
#include "wakeable.h"

namespace tornado::bench {
namespace {

using Microseconds = std::chrono::duration<double, std::micro>;

// Where others want the processor, too, a post may take as long as their turns.
constexpr std::chrono::seconds longest{3};
// So long that a loop which looks for some microseconds first sleeps, too.
constexpr std::chrono::microseconds pause{200};

void wait_for(std::chrono::nanoseconds time) {
  const timespec spec{0, static_cast<long>(time.count())};
  ::nanosleep(&spec, nullptr);
}

template <class Loop>
void post_to_idle(Round& round, Cores cores) {
  const std::size_t posts = round.times(1500);
  std::atomic<std::size_t> ran{0};
  std::atomic<bool> last{false};
  Clock::time_point answered;
  std::unique_ptr<Loop> loop;
  loop = std::make_unique<Loop>([&] {
    answered = Clock::now();
    if (last.load()) loop->stop();
    ran.fetch_add(1, std::memory_order_release);
  });
  std::thread sleeper([&] {
    pin(cores.second);
    loop->run();
  });
  pin(cores.first);
  std::vector<double> latencies;
  std::vector<double> calls;
  const auto end = Clock::now() + longest;
  for (std::size_t i = 1; !last; ++i) {
    wait_for(pause);
    last = i == posts || Clock::now() > end;
    const auto before = Clock::now();
    loop->wake();
    const auto after = Clock::now();
    while (ran.load(std::memory_order_acquire) < i) std::this_thread::yield();
    calls.push_back(Microseconds(after - before).count());
    latencies.push_back(Microseconds(answered - before).count());
  }
  sleeper.join();
  check(ran == calls.size(), "a post was lost, or ran twice");
  std::ranges::sort(calls);
  round.set("call", calls[calls.size() / 2]);
  round.set_latencies(std::move(latencies));
}

Contest contest(const char* name, Cores (*cores)()) {
  const auto make = [&](const char* who, Role role, auto type) {
    return Contestant{who, role, [=](Round& round) {
                        post_to_idle<typename decltype(type)::Type>(round, cores());
                      }};
  };
  return {name,
          {{"p50", "us until it runs"},
           {"p99", "us until it runs"},
           {"call", "us in the call, median"}},
          every_loop(make)};
}

}  // namespace
}  // namespace tornado::bench

int main(int argc, char** argv) {
  using namespace tornado::bench;
  Workload workload{"post_idle",
                    "A thread posts to a loop that has slept for 200 us or so.",
                    {contest("post to a sleeping loop, same core", &same_core)}};
  if (has_two_cores()) {
    workload.contests.push_back(
        contest("post to a sleeping loop, other core", &cross_core));
  }
  return compete(workload, argc, argv);
}
