// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <iostream>

#include "lost_wakes.h"
#include "support/scale.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

TEST_P(LostWakes, none_between_two_loops_that_wait_for_each_other) {
  const std::uint64_t rounds = scaled(20'000);
  IOLoop one(options());
  IOLoop two(options());
  std::uint64_t hops = 0;
  std::function<void()> there;
  std::function<void()> back;
  there = [&] {
    if (++hops >= rounds) {
      one.stop();
      two.stop();
    } else {
      two.add_callback([&] { back(); });
    }
  };
  back = [&] { one.add_callback([&] { there(); }); };
  one.add_callback([&] { there(); });
  Thread other([&] { two.start(); });
  one.start();
  other.join();
  EXPECT_EQ(hops, rounds);
}

TEST_P(LostWakes, none_of_four_threads_that_post_to_a_loop_that_sleeps_and_wakes) {
  const std::uint64_t each = scaled(25'000);
  IOLoop loop(options());
  std::uint64_t run = 0;
  std::atomic<std::uint64_t> heard{0};
  std::vector<Thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < each; ++i) {
        const std::uint64_t seen = heard;
        loop.add_callback([&] {
          ++heard;
          if (++run == 4 * each) loop.stop();
        });
        // Now and then until the loop has run something, so that it sleeps in between.
        while (i % 64 == t * 16 && heard == seen) std::this_thread::yield();
      }
    });
  }
  loop.start();
  EXPECT_EQ(run, 4 * each);
  const WakerCounters wakes = loop.counters().waker;
  std::cout << "    " << 4 * each << " posts, " << wakes.written << " written, "
            << wakes.coalesced << " coalesced, " << 4 * each - run << " lost\n";
}

TEST_P(LostWakes, none_of_posts_that_race_the_end_of_the_loop) {
  // Each is taken, and then run or destroyed, or it is refused, and destroyed.
  std::atomic<std::uint64_t> posts{0};
  std::atomic<std::uint64_t> destroyed{0};
  struct Counted {
    explicit Counted(std::atomic<std::uint64_t>& c) : count(&c) {}
    Counted(Counted&& other) noexcept : count(std::exchange(other.count, nullptr)) {}
    ~Counted() {
      if (count) ++*count;
    }
    std::atomic<std::uint64_t>* count;
  };
  for (std::uint64_t i = 0; i < scaled(200); ++i) {
    std::atomic<int> refused{0};
    std::vector<Thread> threads;
    auto loop = std::make_unique<IOLoop>(options());
    for (int t = 0; t < 2; ++t) {
      threads.emplace_back([&, handle = loop->handle()] {
        for (bool taken = true; taken; ++posts) {
          taken = handle.add_callback([c = Counted(destroyed)] { (void)c; });
        }
        ++refused;
      });
    }
    loop->add_callback([&] { loop->stop(); });
    loop->start();
    loop.reset();
    threads.clear();
    EXPECT_EQ(refused, 2);
  }
  EXPECT_EQ(destroyed, posts);
}

TEST_P(LostWakes, none_of_stop) {
  for (std::uint64_t i = 0; i < scaled(500); ++i) {
    IOLoop loop(options());
    Thread other([&] { loop.stop(); });
    loop.start();
  }
}

TORNADO_ON_EVERY_POLLER_AND_WAKER(LostWakes);

}  // namespace
}  // namespace tornado::test
