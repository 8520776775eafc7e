// SPDX-License-Identifier: Apache-2.0
// The litmus: two wakes in a row, of which the second meets the sleeper anywhere on its
// way to sleep. Were it lost, the sleeper would sleep on, and its waker would wait.
#include <atomic>
#include <vector>

#include "platform/every_waker.h"
#include "platform/loop_waker.h"
#include "support/scale.h"

namespace tornado::test {
namespace {

/// One who wakes twice and waits until both were served.
class Pinger {
 public:
  void run(LoopWaker& waker, std::uint64_t rounds) {
    for (std::uint64_t round = 0; round < rounds; ++round) {
      for (int i = 0; i < 2; ++i) {
        posted_.fetch_add(1, std::memory_order_relaxed);
        waker.wake();
      }
      const std::uint64_t last = 2 * (round + 1);
      while (served_.load(std::memory_order_relaxed) < last) std::this_thread::yield();
    }
  }
  void serve_all() { served_ = ~std::uint64_t{0}; }
  /// How many were posted since the last time.
  std::uint64_t serve() {
    const std::uint64_t posted = posted_.load(std::memory_order_relaxed);
    return posted - served_.exchange(posted, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> posted_{0};
  std::atomic<std::uint64_t> served_{0};
};

class EveryWakerLitmus : public WakerSuite {
 protected:
  static constexpr std::uint64_t pingers = 2;

  /// `sleep` returns when it is time to look, or false if no wake came.
  template <class Look, class Sleep>
  void play(std::uint64_t rounds, Look before_look, Sleep sleep) {
    const std::uint64_t wakes = rounds * 2 * pingers;
    std::vector<Pinger> players(pingers);
    std::vector<Thread> threads;
    for (Pinger& player : players) {
      threads.emplace_back([&player, rounds, this] { player.run(waker_, rounds); });
    }
    std::uint64_t served = 0;
    for (bool lost = false; served < wakes && !lost;) {
      before_look();
      std::uint64_t found = 0;
      for (Pinger& player : players) found += player.serve();
      served += found;
      if (served < wakes && !sleep()) lost = true;
    }
    if (served < wakes) {
      ADD_FAILURE() << "asleep though there was a wake";
      for (Pinger& player : players) player.serve_all();  // lets the threads end
    }
    threads.clear();
    report(wakes);
  }

  void report(std::uint64_t wakes) {
    const WakerCounters counters = waker_.counters();  // exact, the threads are gone
    EXPECT_EQ(counters.written + counters.coalesced, wakes);
    std::printf(
        "%s: %llu wakes tried, %llu written, %d lost\n",
        std::string(to_string(kind())).c_str(), static_cast<unsigned long long>(wakes),
        static_cast<unsigned long long>(counters.written), HasFailure() ? 1 : 0);
  }

  LoopWaker waker_{kind()};
};

TEST_P(EveryWakerLitmus, loses_no_wake_of_a_sleeper_that_only_consumes) {
  play(
      scaled(25'000), [] {},
      [this] { return becomes_readable(waker_.fileno()) && waker_.consume(); });
}

TEST_P(EveryWakerLitmus, loses_no_wake_of_a_sleeper_that_arms_and_disarms) {
  play(
      scaled(25'000), [this] { waker_.disarm(); },
      [this] {
        if (!waker_.arm()) return true;
        return becomes_readable(waker_.fileno()) && waker_.consume();
      });
}

INSTANTIATE_TEST_SUITE_P(, EveryWakerLitmus, testing::ValuesIn(waker_kinds()),
                         name_of_waker);

}  // namespace
}  // namespace tornado::test
