// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <stdexcept>

#include "every_loop.h"
#include "support/child.h"
#include "support/scale.h"
#include "support/signals.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

class LoopSignalsPosix : public EveryLoop {};

struct sigaction current_action(int signal) {
  struct sigaction action {};
  ::sigaction(signal, nullptr, &action);
  return action;
}

bool same(const struct sigaction& a, const struct sigaction& b) {
  // A sigset_t has room for more signals than there are, and the C library leaves that
  // as it finds it.
  for (int signal = 1; signal < NSIG; ++signal) {
    if (sigismember(&a.sa_mask, signal) != sigismember(&b.sa_mask, signal))
      return false;
  }
  return a.sa_handler == b.sa_handler && a.sa_flags == b.sa_flags;
}

extern "C" void users_handler(int) {}

TEST_P(LoopSignalsPosix, leave_the_sigaction_as_it_was) {
  struct sigaction mine {};
  mine.sa_handler = &users_handler;
  mine.sa_flags = SA_RESTART | SA_NODEFER;
  sigaddset(&mine.sa_mask, SIGUSR2);
  sigaddset(&mine.sa_mask, SIGTERM);
  struct sigaction before {};
  ::sigaction(SIGUSR1, &mine, &before);
  const struct sigaction as_set = current_action(SIGUSR1);
  {
    IOLoop second(IOLoop::Options{GetParam(), WakerKind::best, false});
    loop.add_signal_handler(SIGUSR1, [](int) {});
    second.add_signal_handler(SIGUSR1, [](int) {});
    EXPECT_FALSE(same(current_action(SIGUSR1), as_set));
    loop.remove_signal_handler(SIGUSR1);
    EXPECT_FALSE(same(current_action(SIGUSR1), as_set)) << "one loop still watches";
  }
  EXPECT_TRUE(same(current_action(SIGUSR1), as_set)) << "not restored at close";
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_P(LoopSignalsPosix, that_cannot_be_handled_are_refused) {
  for (const int signal : {SIGKILL, SIGSTOP}) {
    EXPECT_EQ(error_of([&] { loop.add_signal_handler(signal, [](int) {}); }),
              std::errc::invalid_argument);
  }
}

TEST_P(LoopSignalsPosix, that_wait_are_kept_when_an_exception_leaves_start) {
  loop.set_exception_policy(ExceptionPolicy::rethrow);
  int calls = 0;
  const std::array signals = {SIGHUP, SIGUSR1, SIGTERM};
  for (const int signal : signals) {
    loop.add_signal_handler(signal, [&](int) { throw ++calls; });
    ::raise(signal);
  }
  for (std::size_t i = 0; i < signals.size(); ++i) EXPECT_THROW(loop.start(), int);
  EXPECT_EQ(calls, 3);
  turn();
  EXPECT_EQ(calls, 3);
}

// To a thread that sleeps in the kernel.
TEST_P(LoopSignalsPosix, end_the_sleep_of_the_loop) {
  loop.add_signal_handler(SIGUSR1, [&](int) { loop.stop(); });
  const auto self = ::pthread_self();
  Thread other([&] {
    wait_until([&] { return loop.running(); });
    ::pthread_kill(self, SIGUSR1);
  });
  start();
}

TEST_P(LoopSignalsPosix, keep_a_handler_that_other_code_installed_later) {
  const struct sigaction before = current_action(SIGUSR1);
  struct sigaction plain {};
  plain.sa_handler = &users_handler;
  struct sigaction with_info {};
  with_info.sa_sigaction = [](int, siginfo_t*, void*) {};
  with_info.sa_flags = SA_SIGINFO;
  for (const struct sigaction& theirs : {plain, with_info}) {
    loop.add_signal_handler(SIGUSR1, [](int) {});
    ::sigaction(SIGUSR1, &theirs, nullptr);
    const struct sigaction as_set = current_action(SIGUSR1);
    loop.remove_signal_handler(SIGUSR1);
    EXPECT_TRUE(same(current_action(SIGUSR1), as_set));
  }
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_P(LoopSignalsPosix, are_heard_of_again_by_every_loop_after_a_replacement) {
  const struct sigaction before = current_action(SIGUSR1);
  int first = 0;
  int second = 0;
  {
    IOLoop other(IOLoop::Options{GetParam(), WakerKind::best, false});
    loop.add_signal_handler(SIGUSR1, [&](int) { ++first; });
    const SignalScope replacement(SIGUSR1, &users_handler);
    const struct sigaction theirs = current_action(SIGUSR1);
    other.add_signal_handler(SIGUSR1, [&](int) {
      ++second;
      other.stop();
    });
    other.call_later(patience, [&] { other.stop(); });
    ::raise(SIGUSR1);
    other.start();
    turn();
    EXPECT_EQ(first, 1);
    EXPECT_EQ(second, 1);
    loop.remove_signal_handler(SIGUSR1);
    other.close();
    EXPECT_TRUE(same(current_action(SIGUSR1), theirs)) << "not what was found last";
  }
  ::sigaction(SIGUSR1, &before, nullptr);
}

/// A signal that this thread blocks in this scope.
class BlockedSignal {
 public:
  explicit BlockedSignal(int signal) : signal_(signal) {
    sigset_t one;
    ::sigemptyset(&one);
    ::sigaddset(&one, signal);
    ::pthread_sigmask(SIG_BLOCK, &one, &before_);
  }
  ~BlockedSignal() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignal(const BlockedSignal&) = delete;
  BlockedSignal& operator=(const BlockedSignal&) = delete;

  [[nodiscard]] bool holds() const {
    sigset_t now;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &now);
    return ::sigismember(&now, signal_) == 1;
  }

 private:
  int signal_;
  sigset_t before_;
};

TEST_P(LoopSignalsPosix, that_the_thread_has_blocked_arrive_while_the_loop_runs) {
  const BlockedSignal blocked(SIGTERM);
  loop.add_signal_handler(SIGTERM, [&](int) {
    EXPECT_FALSE(blocked.holds());
    loop.stop();
  });
  ::raise(SIGTERM);
  start();
  EXPECT_TRUE(blocked.holds()) << "the mask was not restored";
}

TEST_P(LoopSignalsPosix, that_the_thread_has_blocked_are_let_in_one_by_one) {
  const BlockedSignal first(SIGUSR1);
  const BlockedSignal second(SIGUSR2);
  loop.add_callback([&] {
    loop.add_signal_handler(SIGUSR1, [&](int) {
      EXPECT_FALSE(first.holds());
      EXPECT_TRUE(second.holds());
      loop.remove_signal_handler(SIGUSR1);
      EXPECT_TRUE(first.holds());
      loop.add_signal_handler(SIGUSR2, [&](int) { loop.stop(); });
      EXPECT_FALSE(second.holds());
      ::raise(SIGUSR2);
    });
    ::raise(SIGUSR1);
  });
  start();
  EXPECT_TRUE(first.holds());
  EXPECT_TRUE(second.holds());
}

TEST_P(LoopSignalsPosix, that_the_thread_has_blocked_stay_so_after_an_exception) {
  const BlockedSignal blocked(SIGUSR1);
  loop.add_signal_handler(SIGUSR1, [](int) {});
  loop.set_exception_policy(ExceptionPolicy::rethrow);
  loop.add_callback([] { throw std::runtime_error("mine"); });
  EXPECT_THROW(loop.start(), std::runtime_error);
  EXPECT_TRUE(blocked.holds());
}

TEST_P(LoopSignalsPosix,
       post_from_their_own_handlers_at_a_high_rate_and_nothing_is_lost) {
  static std::atomic<IOLoop*> target;
  static std::atomic<std::uint64_t> posted;
  static std::uint64_t run;
  target = &loop;
  posted = 0;
  run = 0;
  const std::uint64_t wanted = scaled(5000);
  {
    const SignalScope handler(SIGALRM, [](int) {
      const bool room = target.load()->add_callback_from_signal([] { ++run; });
      if (room) posted.fetch_add(1);
    });
    const AlarmStorm storm(100us);
    // The loop's thread takes the signals, asleep and at work.
    std::function<void()> look = [&] {
      if (posted >= wanted) {
        loop.stop();
      } else {
        loop.call_later(200us, [&] { look(); });
      }
    };
    loop.add_callback([&] { look(); });
    start();
  }
  turn();
  turn();
  EXPECT_EQ(run, posted.load());
}

TEST_P(LoopSignalsPosix, post_from_handlers_on_other_threads_and_nothing_is_lost) {
  static std::atomic<IOLoop*> target;
  static std::atomic<std::uint64_t> posted;
  static std::uint64_t run;
  target = &loop;
  posted = 0;
  run = 0;
  const std::uint64_t each = scaled(20'000);
  const SignalScope handler(SIGUSR2, [](int) {
    const bool room = target.load()->add_callback_from_signal([] { ++run; });
    if (room) posted.fetch_add(1);
  });
  std::atomic<int> at_work{2};
  const auto post = [&] {
    // Each on its own thread.
    for (std::uint64_t i = 0; i < each; ++i) ::raise(SIGUSR2);
    if (--at_work == 0) loop.stop();
  };
  Thread one(post);
  Thread two(post);
  start();
  one.join();
  two.join();
  turn();
  EXPECT_EQ(run, posted.load());
  EXPECT_GT(posted, 0u);
}

TEST_P(LoopSignalsPosix,
       are_handled_in_a_child_forked_while_a_thread_adds_and_removes) {
  std::atomic<bool> done{false};
  Thread other([&] {
    IOLoop its_own({GetParam(), WakerKind::best, false});
    while (!done) {
      its_own.add_signal_handler(SIGUSR1, [](int) {});
      its_own.remove_signal_handler(SIGUSR1);
    }
  });
  for (std::uint64_t i = 0; i < scaled(50) && !HasFailure(); ++i) {
    EXPECT_TRUE(passes_in_child([&] {
      IOLoop childs({GetParam(), WakerKind::best, false});
      childs.add_signal_handler(SIGUSR2, [&](int) { childs.stop(); });
      ::raise(SIGUSR2);
      childs.start();
    }));
  }
  done = true;
}

// What a C library does that was given the descriptor alone.
TEST_P(LoopSignalsPosix, wake_by_one_byte_that_their_handler_writes) {
  static std::atomic<int> wakeup_fd;
  Waker waker(WakerKind::pipe);
  wakeup_fd = waker.write_fileno();
  const SignalScope handler(
      SIGUSR1, [](int) { [[maybe_unused]] const auto n = ::write(wakeup_fd, "", 1); });
  loop.add_handler(
      waker.fileno(),
      [&](NativeFd, Events) {
        EXPECT_TRUE(waker.consume());
        loop.stop();
      },
      Events::read);
  for (int round = 0; round < 3; ++round) {
    loop.call_later(1ms, [] { ::raise(SIGUSR1); });
    start();
  }
}

TEST_P(LoopSignalsPosix, tell_of_children_that_end) {
  std::vector<pid_t> children;
  loop.add_signal_handler(SIGCHLD, [&](int) {
    // Several ends may make one call.
    std::erase_if(children, [](pid_t child) {
      return ::waitpid(child, nullptr, WNOHANG) == child;
    });
    if (children.empty()) loop.stop();
  });
  for (int i = 0; i < 3; ++i) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    ASSERT_GT(child, 0);
    children.push_back(child);
  }
  start();
  EXPECT_TRUE(children.empty());
}

TORNADO_ON_EVERY_POLLER(LoopSignalsPosix);

}  // namespace
}  // namespace tornado::test
