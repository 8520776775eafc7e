// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <csignal>

#include "every_loop.h"
#include "support/child.h"
#include "support/log_capture.h"
#include "support/sanitizers.h"
#include "support/signals.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

class Blocked : public EveryLoop {};

TEST_P(Blocked, a_turn_that_takes_too_long_is_logged_with_its_stack_and_its_callback) {
  const LogCapture log;
  loop.set_blocking_log_threshold(10ms);
  loop.add_callback([&] {
    EXPECT_TRUE(wait_until([&] { return log.contains("blocked", LogLevel::warning); }));
    loop.stop();
  });
  start();
  EXPECT_TRUE(log.contains("10.0"));
  EXPECT_TRUE(log.contains("watchdog_test.cpp:"));
  EXPECT_TRUE(log.contains("\n  ")) << "no stack";
}

TEST_P(Blocked, on_any_thread_and_from_timeouts_and_handlers) {
  const LogCapture log;
  const FdPair pair = make_socket_pair();
  const auto block = [&](std::size_t reports) {
    return [&, reports] {
      EXPECT_TRUE(wait_until([&] { return log.count(LogLevel::warning) == reports; }));
    };
  };
  loop.set_blocking_log_threshold(5ms);
  loop.call_later(0ms, block(1));
  loop.call_later(30ms, [&] {
    loop.add_handler(
        pair.first.get(),
        [&](NativeFd, Events) {
          block(2)();
          loop.stop();
        },
        Events::write);
  });
  Thread other([&] { loop.start(); });
  other.join();
  EXPECT_EQ(log.count(LogLevel::warning), 2u);
}

TEST_P(Blocked, once_per_turn_and_never_while_it_sleeps) {
  const LogCapture log;
  loop.set_blocking_log_threshold(1ms);
  loop.call_later(50ms, [&] { loop.stop(); });
  start();
  // Nothing ran long, unless the machine stood still.
  loop.set_blocking_log_threshold(0ms);
  loop.add_callback([] {});
  turn();
  EXPECT_LE(log.count(LogLevel::warning), 3u);
}

std::atomic<int> users_signals{0};

TEST_P(Blocked, the_users_own_handler_of_the_borrowed_signal_is_kept) {
  const LogCapture log;
  users_signals = 0;
  const SignalScope handler(SIGURG, [](int) { ++users_signals; });
  loop.set_blocking_log_threshold(5ms);
  loop.add_callback([&] {
    ::raise(SIGURG);
    EXPECT_TRUE(wait_until([&] { return log.contains("blocked"); }));
    ::raise(SIGURG);
    loop.stop();
  });
  start();
  EXPECT_EQ(users_signals, 2);
}

// The thread that is looked at does not answer for a second, as it blocks the signal.
TEST_P(Blocked, the_users_own_handler_hears_others_while_the_signal_is_borrowed) {
  const LogCapture log;
  using Siginfo = void (*)(int, siginfo_t*, void*);
  const Siginfo siginfo = [](int, siginfo_t*, void*) { ++users_signals; };
  for (const bool with_siginfo : {false, true}) {
    users_signals = 0;
    struct sigaction mine {};
    mine.sa_handler = [](int) { ++users_signals; };
    if (with_siginfo) {
      mine.sa_sigaction = siginfo;
      mine.sa_flags = SA_SIGINFO;
    }
    struct sigaction before {};
    ::sigaction(SIGURG, &mine, &before);
    const auto is_borrowed = [&] {
      struct sigaction now {};
      ::sigaction(SIGURG, nullptr, &now);
      return with_siginfo ? now.sa_sigaction != siginfo
                          : now.sa_handler != mine.sa_handler;
    };
    sigset_t urgent;
    ::sigemptyset(&urgent);
    ::sigaddset(&urgent, SIGURG);
    Thread other([&] {
      EXPECT_TRUE(wait_until(is_borrowed));
      ::raise(SIGURG);
    });
    // Before the turn that blocks: the probe is not answered until the other has seen
    // it.
    ::pthread_sigmask(SIG_BLOCK, &urgent, nullptr);
    loop.set_blocking_log_threshold(1ms);
    loop.add_callback([&] {
      other.join();
      ::pthread_sigmask(SIG_UNBLOCK, &urgent, nullptr);
      loop.stop();
    });
    start();
    loop.set_blocking_log_threshold(0ms);
    ::sigaction(SIGURG, &before, nullptr);
    EXPECT_EQ(users_signals, 1);
  }
}

TEST_P(Blocked, in_a_forked_child_that_took_the_loop_over) {
  // Its allocator's lock may be the watchdog's at the fork, and the child's for ever.
  if (under_address_sanitizer()) GTEST_SKIP() << "the sanitizer is not fork-safe";
  loop.set_blocking_log_threshold(5ms);
  // qemu-user ends when a child of several threads makes one.
  if (!passes_in_child([] { Thread([] {}).join(); })) {
    GTEST_SKIP() << "no threads in a forked child";
  }
  EXPECT_TRUE(passes_in_child([&] {
    const LogCapture log;
    loop.after_fork();
    loop.add_callback([&] {
      EXPECT_TRUE(wait_until([&] { return log.contains("blocked"); }));
      loop.stop();
    });
    start();
  }));
}

TEST_P(Blocked, a_thread_that_does_not_answer_is_logged_without_its_stack) {
  const LogCapture log;
  loop.set_blocking_log_threshold(5ms);
  loop.add_callback([&] {
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, &before);
    EXPECT_TRUE(wait_until([&] { return log.contains("blocked"); }));
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    loop.stop();
  });
  start();
  EXPECT_FALSE(log.contains("\n  "));
}

TORNADO_ON_EVERY_POLLER(Blocked);

}  // namespace
}  // namespace tornado::test
