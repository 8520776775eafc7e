// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "every_loop.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/log_capture.h"
#include "support/sanitizers.h"
#include "support/signals.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

using std::chrono::nanoseconds;

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

/// What a user may have in the place of a handler.
std::vector<struct sigaction> users_actions() {
  std::vector<struct sigaction> actions(4);
  actions[0].sa_handler = SIG_DFL;
  actions[1].sa_handler = SIG_IGN;
  actions[2].sa_handler = [](int) { ++users_signals; };
  actions[3].sa_sigaction = [](int, siginfo_t*, void*) { ++users_signals; };
  actions[3].sa_flags = SA_SIGINFO;
  return actions;
}

bool is_borrowed(const struct sigaction& from) {
  struct sigaction now {};
  ::sigaction(SIGURG, nullptr, &now);
  return now.sa_handler != from.sa_handler;
}

/// As wait_until(), but the thread does not wait in the kernel, where no probe
/// interrupts it.
bool spin_until(const std::function<bool()>& predicate) {
  const TimePoint end = Clock::now() + patience;
  while (!predicate() && Clock::now() < end) {
  }
  return predicate();
}

/// SIGURG blocked, on this thread: a watchdog that looks at it waits for a second.
class Deaf {
 public:
  Deaf() { set(SIG_BLOCK); }
  ~Deaf() { set(SIG_UNBLOCK); }
  Deaf(const Deaf&) = delete;
  Deaf& operator=(const Deaf&) = delete;

 private:
  static void set(int how) {
    sigset_t urgent;
    ::sigemptyset(&urgent);
    ::sigaddset(&urgent, SIGURG);
    ::pthread_sigmask(how, &urgent, nullptr);
  }
};

TEST_P(Blocked, the_users_own_handler_hears_others_while_the_signal_is_borrowed) {
  const LogCapture log;
  for (const struct sigaction& mine : users_actions()) {
    const bool handles = mine.sa_handler != SIG_DFL && mine.sa_handler != SIG_IGN;
    users_signals = 0;
    const TimePoint begin = Clock::now();
    struct sigaction before {};
    ::sigaction(SIGURG, &mine, &before);
    Thread other([&] {
      EXPECT_TRUE(wait_until([&] { return is_borrowed(mine); }));
      // As anybody's, as one with a value, and as that of another process.
      ::raise(SIGURG);
      ::sigqueue(::getpid(), SIGURG, sigval{.sival_ptr = &users_signals});
      const pid_t pid = ::getpid();
      EXPECT_TRUE(passes_in_child([pid] {
        EXPECT_EQ(::sigqueue(pid, SIGURG, sigval{.sival_ptr = nullptr}), 0);
      }));
      EXPECT_TRUE(!handles || wait_until([] { return users_signals == 3; }));
    });
    {
      // Before the turn that blocks: the probe is not answered until the other has seen
      // it.
      std::optional<Deaf> deaf(std::in_place);
      loop.set_blocking_log_threshold(1ms);
      loop.add_callback([&] {
        other.join();
        deaf.reset();
        loop.stop();
      });
      start();
    }
    loop.set_blocking_log_threshold(0ms);
    ::sigaction(SIGURG, &before, nullptr);
    // A probe that was given up after its second may arrive yet.
    const bool late = handles && Clock::now() - begin >= 1s;
    EXPECT_TRUE(users_signals == (handles ? 3 : 0) || (late && users_signals == 4))
        << users_signals;
  }
}

TEST_P(Blocked, of_two_loops_at_once_both_are_logged) {
  const LogCapture log;
  IOLoop second(IOLoop::Options{GetParam(), {}, false});
  const auto block = [&](IOLoop& one) {
    one.set_blocking_log_threshold(5ms);
    one.add_callback([&] {
      const Deaf deaf;
      EXPECT_TRUE(wait_until([&] { return log.count(LogLevel::warning) >= 2; }));
      one.stop();
    });
  };
  block(loop);
  block(second);
  Thread other([&] { second.start(); });
  start();
}

TEST_P(Blocked, by_the_very_callback_that_sets_the_threshold) {
  const LogCapture log;
  loop.add_callback([&] {
    loop.set_blocking_log_threshold(5ms);
    EXPECT_TRUE(wait_until([&] { return log.contains("blocked", LogLevel::warning); }));
    loop.stop();
  });
  start();
}

TEST_P(Blocked, by_the_destructor_of_a_handler_is_logged_without_a_callback) {
  const LogCapture log;
  const FdPair pair = make_socket_pair();
  loop.set_blocking_log_threshold(5ms);
  std::shared_ptr<void> lingers(nullptr, [&](void*) {
    EXPECT_TRUE(wait_until([&] { return log.contains("blocked", LogLevel::warning); }));
  });
  loop.add_handler(
      pair.first.get(),
      [&, kept = std::move(lingers)](NativeFd fd, Events) {
        loop.remove_handler(fd);
        loop.stop();
      },
      Events::write);
  start();
  EXPECT_FALSE(log.contains("in a callback"));
  EXPECT_TRUE(log.contains("\n  ")) << "no stack";
}

/// Why the child of a process that has a watchdog cannot have one here. Null if it can.
const char* why_no_child_goes_on() {
  // The watchdog may hold the allocator's lock at the fork. The child never gets it
  // then.
  if (under_address_sanitizer()) return "the sanitizer is not fork-safe";
  // qemu-user ends when a child of several threads makes one.
  if (!passes_in_child([] { Thread([] {}).join(); })) {
    return "no threads in a forked child";
  }
  return nullptr;
}

// And where the watchdog of the parent is at work just then.
TEST_P(Blocked, by_a_callback_that_forks_and_goes_on_in_the_child) {
  loop.set_blocking_log_threshold(5ms);
  if (const char* why = why_no_child_goes_on()) GTEST_SKIP() << why;
  const LogCapture log;
  users_signals = 0;
  const struct sigaction mine = users_actions()[2];
  struct sigaction before {};
  ::sigaction(SIGURG, &mine, &before);
  loop.add_callback([&] {
    std::optional<Deaf> deaf(std::in_place);
    EXPECT_TRUE(spin_until([&] { return is_borrowed(mine); }));
    EXPECT_TRUE(passes_in_child([&] {
      deaf.reset();
      loop.after_fork();
      EXPECT_TRUE(spin_until([&] { return log.contains("\n  "); }));
      EXPECT_TRUE(wait_until([&] { return !is_borrowed(mine); }));
      ::raise(SIGURG);
      EXPECT_EQ(users_signals, 1);
    }));
    loop.stop();
  });
  start();
  loop.set_blocking_log_threshold(0ms);
  ::sigaction(SIGURG, &before, nullptr);
}

TEST_P(Blocked, where_the_signal_may_not_be_borrowed_is_logged_without_its_stack) {
  const Denied borrowing{SYS_rt_sigaction, EPERM, Denied::Argument{0, SIGURG}};
  const auto fails = [] { return ::signal(SIGURG, SIG_IGN) == SIG_ERR; };
  if (!can_deny(borrowing, fails)) GTEST_SKIP() << "the call cannot be denied here";
  EXPECT_TRUE(passes_in_child([&borrowing] {
    ASSERT_TRUE(deny({borrowing}));
    const LogCapture log;
    IOLoop one(IOLoop::Options{GetParam(), {}, false});
    one.set_blocking_log_threshold(5ms);
    one.add_callback([&] {
      EXPECT_TRUE(spin_until([&] { return log.contains("blocked"); }));
      one.stop();
    });
    one.start();
    EXPECT_FALSE(log.contains("\n  "));
  }));
}

TEST_P(Blocked, in_a_forked_child_that_took_the_loop_over) {
  loop.set_blocking_log_threshold(5ms);
  if (const char* why = why_no_child_goes_on()) GTEST_SKIP() << why;
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
    EXPECT_TRUE(spin_until([&] { return log.contains("blocked"); }));
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    loop.stop();
  });
  start();
  EXPECT_FALSE(log.contains("\n  "));
}

/// Whether a callback that is too slow in poll() was left alone, and logged.
bool is_logged_in_poll(IOLoop& loop) {
  const LogCapture log;
  const FdPair pipe = make_pipe();
  Thread other([&] {
    EXPECT_TRUE(wait_until([&] { return log.contains("blocked"); }));
    put_byte(pipe.second);
  });
  int ready = 0;
  loop.add_callback([&] {
    pollfd one{pipe.first.get(), POLLIN, 0};
    ready = ::poll(&one, 1, 60'000);
    loop.stop();
  });
  loop.start();
  other.join();
  return ready == 1 && log.contains("in a callback added at") &&
         log.contains("in system call") && log.contains("\n  ");
}

TEST_P(Blocked, in_a_system_call_is_logged_without_an_interruption) {
  if (::access("/proc/thread-self/syscall", R_OK) != 0) {
    GTEST_SKIP() << "the system does not tell";
  }
  loop.set_blocking_log_threshold(20ms);
  // A busy machine may stop the watchdog between its look and its signal.
  bool left_alone = false;
  for (int attempt = 0; attempt < 10 && !left_alone; ++attempt) {
    left_alone = is_logged_in_poll(loop);
  }
  EXPECT_TRUE(left_alone);
}

TEST_P(Blocked, by_a_thread_that_does_not_answer_does_not_hold_up_the_end) {
  struct sigaction mine {};
  ::sigaction(SIGURG, nullptr, &mine);
  nanoseconds best = nanoseconds::max();
  for (int attempt = 0; attempt < 20 && best >= 500ms; ++attempt) {
    const LogCapture log;
    const Deaf deaf;
    TimePoint asked;
    loop.set_blocking_log_threshold(1ms);
    loop.add_callback([&] {
      EXPECT_TRUE(spin_until([&] { return is_borrowed(mine); }));
      asked = Clock::now();
      loop.stop();
    });
    start();
    loop.set_blocking_log_threshold(0ms);
    best = std::min(best, Clock::now() - asked);
  }
  EXPECT_LT(best, 500ms) << "it waits for the probe's second";
}

TORNADO_ON_EVERY_POLLER(Blocked);

}  // namespace
}  // namespace tornado::test
