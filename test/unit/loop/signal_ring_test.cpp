// SPDX-License-Identifier: Apache-2.0
#include "loop/signal_ring.h"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <cstring>

#include "support/scale.h"
#include "support/signals.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

std::vector<int> popped;

bool push(SignalRing& ring, int number) {
  return ring.push(
      [](void* bytes) {
        int value;
        std::memcpy(&value, bytes, sizeof value);
        popped.push_back(value);
      },
      &number, sizeof number);
}

bool pop(SignalRing& ring) {
  SignalRing::Item item;
  if (!ring.pop(item)) return false;
  item.invoke(item.bytes);
  return true;
}

TEST(SignalRing, is_bounded_and_first_in_first_out_over_many_laps) {
  SignalRing ring;
  popped.clear();
  int next = 0;
  for (int lap = 0; lap < 20; ++lap) {
    const int begin = next;
    while (push(ring, next)) ++next;
    EXPECT_EQ(next - begin, static_cast<int>(SignalRing::capacity));
    EXPECT_EQ(ring.size(), SignalRing::capacity);
    while (pop(ring)) continue;
    EXPECT_EQ(ring.size(), 0u);
  }
  ASSERT_EQ(popped.size(), static_cast<std::size_t>(next));
  for (int i = 0; i < next; ++i) EXPECT_EQ(popped[static_cast<std::size_t>(i)], i);
}

SignalRing* shared;
std::atomic<int> pushed_by_handler;

TEST(SignalRing, takes_pushes_that_interrupt_pushes_and_pops) {
  SignalRing ring;
  shared = &ring;
  popped.clear();
  pushed_by_handler = 0;
  int pushed = 0;
  const int wanted = static_cast<int>(scaled(2000));
  const SignalScope handler(SIGALRM, [](int) {
    if (push(*shared, -1)) ++pushed_by_handler;
  });
  {
    const AlarmStorm storm(std::chrono::microseconds(50));
    while (pushed_by_handler < wanted) {
      if (push(ring, pushed)) ++pushed;
      pop(ring);
    }
  }
  while (pop(ring)) continue;
  int expected = 0;
  int from_handler = 0;
  for (const int value : popped) {
    if (value == -1) {
      ++from_handler;
    } else {
      EXPECT_EQ(value, expected++);
    }
  }
  EXPECT_EQ(expected, pushed);
  EXPECT_EQ(from_handler, pushed_by_handler.load());
}

TEST(SignalRing, loses_nothing_of_several_threads) {
  SignalRing ring;
  popped.clear();
  const int each = static_cast<int>(scaled(100'000));
  std::atomic<int> running{3};
  std::vector<Thread> producers;
  for (int p = 0; p < 3; ++p) {
    producers.emplace_back([&, p] {
      for (int i = 0; i < each; ++i) {
        while (!push(ring, i * 3 + p)) std::this_thread::yield();
      }
      --running;
    });
  }
  std::vector<int> next(3, 0);
  while (running > 0 || ring.size() > 0) {
    while (pop(ring)) continue;
    for (const int value : std::exchange(popped, {})) {
      EXPECT_EQ(value / 3, next[static_cast<std::size_t>(value % 3)]++);
    }
  }
  for (const int count : next) EXPECT_EQ(count, each);
}

}  // namespace
}  // namespace tornado::test
