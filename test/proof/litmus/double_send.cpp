// SPDX-License-Identifier: Apache-2.0
// The litmus of wakers: a thread publishes and wakes, and does so again at once, then
// waits to be served. The sleeper looks at what was published only when it is woken.
// The second wake meets it anywhere on its way to sleep; were it lost, both would wait.
//
//   double_send [WAKES [KIND...]]
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "platform/loop_waker.h"

namespace {

using tornado::LoopWaker;
using tornado::WakerKind;
using Steady = std::chrono::steady_clock;

constexpr std::uint64_t burst = 2;
constexpr int looks_before_sleep = 64;
constexpr int patience = 60'000;  // ms, of a sleep that a wake must end

struct Shared {
  explicit Shared(WakerKind kind) : waker(kind) {}
  LoopWaker waker;
  alignas(64) std::atomic<std::uint64_t> posted{0};
  alignas(64) std::atomic<std::uint64_t> served{0};
};

void send(Shared& shared, std::uint64_t wakes) {
  for (std::uint64_t sent = 0; sent < wakes;) {
    for (std::uint64_t i = 0; i < burst; ++i) {
      shared.posted.store(++sent, std::memory_order_relaxed);
      shared.waker.wake();
    }
    for (int looks = 0; shared.served.load(std::memory_order_relaxed) < sent; ++looks) {
      if (looks % looks_before_sleep == 0) std::this_thread::yield();
    }
  }
}

// Looks some times first: a sleep costs as much as a thousand wakes.
bool woken(int fd) {
  pollfd one{fd, POLLIN, 0};
  for (int looks = 0; looks < looks_before_sleep; ++looks) {
    if (::poll(&one, 1, 0) == 1) return true;
  }
  return ::poll(&one, 1, patience) == 1;
}

/// How many were lost.
std::uint64_t serve(Shared& shared, std::uint64_t wakes) {
  for (std::uint64_t served = 0; served < wakes;) {
    if (shared.waker.arm()) {
      if (!woken(shared.waker.fileno())) return wakes - served;
      (void)shared.waker.drain_and_disarm();
    } else {
      shared.waker.disarm();
    }
    served = shared.posted.load(std::memory_order_relaxed);
    shared.served.store(served, std::memory_order_relaxed);
  }
  return 0;
}

bool play(WakerKind kind, std::uint64_t wakes) {
  Shared shared(kind);
  const auto begin = Steady::now();
  std::thread sender([&] { send(shared, wakes); });
  const std::uint64_t lost = serve(shared, wakes);
  if (lost != 0) shared.served = ~std::uint64_t{0};
  sender.join();
  const std::chrono::duration<double> took = Steady::now() - begin;
  std::printf("%-10s %11llu wakes, %11llu written, %llu lost, %.1f s\n",
              std::string(to_string(kind)).c_str(),
              static_cast<unsigned long long>(wakes),
              static_cast<unsigned long long>(shared.waker.counters().written),
              static_cast<unsigned long long>(lost), took.count());
  std::fflush(stdout);
  return lost == 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t asked = argc > 1 ? std::strtoull(argv[1], nullptr, 0) : 1'000'000;
  if (asked == 0) {
    std::fprintf(stderr, "usage: %s [WAKES [KIND...]]\n", argv[0]);
    return 2;
  }
  const std::uint64_t wakes = (asked + burst - 1) / burst * burst;
  const std::vector<std::string> wanted(argv + std::min(argc, 2), argv + argc);
  int played = 0;
  int failed = 0;
  for (const WakerKind kind : tornado::waker_kinds()) {
    if (!wanted.empty() && !std::ranges::count(wanted, to_string(kind))) continue;
    ++played;
    failed += !play(kind, wakes);
  }
  if (played == 0) std::fprintf(stderr, "no such waker\n");
  return played == 0 || failed != 0;
}
