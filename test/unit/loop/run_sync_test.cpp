// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <optional>
#include <stdexcept>

#include "every_loop.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

class RunSync : public EveryLoop {};

TEST_P(RunSync, gives_the_result_that_is_there_whatever_ends_the_run) {
  EXPECT_EQ(loop.run_sync([this] { return loop.stop(), 1; }), 1);
  loop.call_later(0s, [this] { loop.stop(); });
  EXPECT_EQ(loop.run_sync([] { return 2; }), 2);
  EXPECT_EQ(loop.run_sync<int>([this](const Completion<int>& completion) {
    loop.add_callback([this, completion] {
      completion.set_value(3);
      loop.stop();
    });
  }),
            3);
  EXPECT_EQ(loop.run_sync([] { return 4; }), 4) << "no stop is left over";
  EXPECT_EQ(loop.run_sync([this] { return loop.close(), 5; }, 1h), 5);
  EXPECT_TRUE(loop.handle().closed());
}

TEST_P(RunSync, gives_each_result_that_a_thread_was_told_is_taken) {
  for (int round = 0; round < 200; ++round) {
    std::optional<Completion<int>> kept;
    std::atomic<bool> ready{false};
    bool taken = false;
    Thread worker([&] {
      wait_until([&] { return ready.load(); });
      taken = kept->set_value(1);
    });
    const auto error = error_of([&] {
      loop.run_sync<int>(
          [&](const Completion<int>& completion) {
            kept = completion;
            ready = true;
          },
          round % 20 * 5us);
    });
    worker.join();
    EXPECT_EQ(taken, !error);
  }
}

TEST_P(RunSync, treats_what_is_thrown_after_the_result_as_every_exception) {
  const auto act = [](const Completion<int>& completion) {
    completion.set_value(1);
    throw std::domain_error("after the result");
  };
  int caught = 0;
  loop.handle_callback_exception([&](std::exception_ptr) { ++caught; });
  EXPECT_EQ(loop.run_sync<int>(act), 1);
  EXPECT_EQ(caught, 1);
  loop.set_exception_policy(ExceptionPolicy::rethrow);
  EXPECT_THROW(loop.run_sync<int>(act), std::domain_error);
  turn();
}

TEST_P(RunSync, calls_its_function_even_if_the_timeout_is_zero) {
  for (const Delay delay : {Delay(0s), Delay(-1s)}) {
    EXPECT_EQ(loop.run_sync([] { return 1; }, delay), 1);
    EXPECT_EQ(loop.run_sync<int>(
                  [this](const Completion<int>& completion) {
                    loop.add_callback([completion] { completion.set_value(2); });
                  },
                  delay),
              2);
    std::optional<Completion<int>> kept;
    EXPECT_EQ(error_of([&] {
                loop.run_sync<int>(
                    [&](const Completion<int>& completion) { kept = completion; },
                    delay);
              }),
              Errc::timed_out);
  }
  // An exception has left other callbacks before it.
  loop.set_exception_policy(ExceptionPolicy::rethrow);
  loop.add_callback([] { throw 1; });
  loop.add_callback([] {});
  EXPECT_THROW(loop.start(), int);
  EXPECT_EQ(loop.run_sync([] { return 3; }, 0s), 3);
}

TEST_P(RunSync, ended_by_an_exception_leaves_nothing_behind) {
  loop.set_exception_policy(ExceptionPolicy::rethrow);
  std::optional<Completion<int>> kept;
  const auto act = [&](const Completion<int>& completion) {
    kept = completion;
    loop.add_callback([] { throw 1; });
  };
  EXPECT_THROW(loop.run_sync<int>(act, 0s), int);
  EXPECT_FALSE(kept->set_value(1));
  turn();
  EXPECT_EQ(loop.run_sync([] { return 2; }), 2);
}

TORNADO_ON_EVERY_POLLER(RunSync);

}  // namespace
}  // namespace tornado::test
