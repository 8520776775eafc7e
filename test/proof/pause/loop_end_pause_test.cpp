// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

#include "stretch.h"
#include "support/wait.h"
#include "tornado/ioloop.h"

namespace tornado::test {
namespace {

/// Its owner destroys a loop that `tell` has ended, while `tell` stands at `point`. The
/// loop sleeps then, and a post of another thread wakes it. False if `tell` did not
/// come by the point.
bool outlives(SyncPoint point, const std::function<void(IOLoop&)>& tell) {
  auto loop = std::make_unique<IOLoop>();
  IOLoop& told = *loop;
  std::atomic<bool> destroying{false}, destroyed{false};
  const Stretch late(point, 0, [&] {
    on_another_thread([&] { told.add_callback([] {}); });
    EXPECT_TRUE(wait_until([&] { return destroying.load(); }));
    EXPECT_FALSE(
        wait_until([&] { return destroyed.load(); }, std::chrono::milliseconds(50)));
  });
  const int slept = arrivals_at(SyncPoint::wait_armed);
  const Thread teller([&] {
    wait_until([&] { return arrivals_at(SyncPoint::wait_armed) > slept; });
    tell(told);
  });
  loop->start();
  destroying = true;
  loop.reset();
  destroyed = true;
  return late.reached();
}

// A sleep may end by chance, and `tell` then wakes nothing.
void expect_to_outlive(SyncPoint point, const std::function<void(IOLoop&)>& tell) {
  int attempts = 10;
  while (!outlives(point, tell) && --attempts > 0) {
  }
  EXPECT_GT(attempts, 0);
}

TEST(LoopPause, is_not_destroyed_under_a_post_that_ended_it) {
  expect_to_outlive(SyncPoint::post_pushed,
                    [](IOLoop& loop) { loop.add_callback([&loop] { loop.stop(); }); });
}

TEST(LoopPause, is_not_destroyed_under_the_stop_that_ended_it) {
  expect_to_outlive(SyncPoint::stop_stored, [](IOLoop& loop) { loop.stop(); });
}

}  // namespace
}  // namespace tornado::test
