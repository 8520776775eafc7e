// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "loop/stack_probe.h"
#include "support/wait.h"
#include "tornado/faults.h"
#include "tornado/tornado.h"

namespace tornado::test {
namespace {

std::atomic<bool> told{false};

TEST(FaultInjection, does_not_end_the_watchdog_of_a_loop_that_is_blocked) {
  const LogSink before =
      set_log_sink([](LogLevel, std::string_view) noexcept { told = true; });
  IOLoop loop;
  loop.set_blocking_log_threshold(std::chrono::milliseconds(1));
  loop.add_callback([&] {
    const FaultInjection injection(
        {.call = "operator new", .error = ENOMEM, .persistent = true});
    EXPECT_TRUE(wait_until([] { return told.load(); }));
    loop.stop();
  });
  loop.start();
  set_log_sink(before);
}

TEST(FaultInjection,
     of_a_probe_that_cannot_be_sent_leaves_the_watchdog_without_a_stack) {
  const std::atomic<std::source_location> running{};
  const std::atomic<bool> hurried{false};
  ProbedThread probed;
  std::atomic<bool> known{false}, done{false};
  std::thread busy([&] {
    probed = ProbedThread::current();
    known = true;
    while (!done) {
    }
  });
  EXPECT_TRUE(wait_until([&] { return known.load(); }));
  {
    const FaultInjection injection({.call = "pthread_sigqueue", .error = EAGAIN});
    EXPECT_FALSE(probe_stack(probed, running, hurried));
    EXPECT_EQ(injection.failures(), 1u);
  }
  EXPECT_TRUE(probe_stack(probed, running, hurried));
  done = true;
  busy.join();
}

}  // namespace
}  // namespace tornado::test
