// SPDX-License-Identifier: Apache-2.0
// Signals that end a wait, and what an old kernel counts in.
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#include <atomic>

#include "poller/every_poller.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/signals.h"
#include "tornado/time.h"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

namespace tornado::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

class EveryPollerWait : public PollerSuite {
 protected:
  FdPair pipe_ = make_pipe();
};

TEST_P(EveryPollerWait, ends_with_nothing_and_no_error_when_a_signal_comes) {
  const SignalScope scope(SIGUSR1, [](int) {});
  poller_->add(pipe_.first.get(), Events::read, 1);
  std::atomic<bool> done{false};
  Thread other([target = ::pthread_self(), &done] {
    while (!done) {
      ::pthread_kill(target, SIGUSR1);
      std::this_thread::sleep_for(1ms);  // sooner or later one finds it asleep
    }
  });
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(wait(for_ever).empty());
  done = true;
}

TEST_P(EveryPollerWait, survives_a_storm_of_signals_and_still_finds_what_is_ready) {
  const SignalScope scope(SIGALRM, [](int) {});
  const AlarmStorm storm(200us);
  poller_->add(pipe_.first.get(), Events::read, 1);
  for (int i = 0; i < 200; ++i) {
    put_byte(pipe_.second);
    EXPECT_TRUE(wait_until([this] { return wait(1ms).size() == 1; }));
    drain(pipe_.first.get());
    EXPECT_TRUE(wait(100us).empty());
  }
}

INSTANTIATE_TEST_SUITE_P(, EveryPollerWait, testing::ValuesIn(poller_kinds()),
                         name_of_poller);

class OldKernel : public testing::TestWithParam<int> {};

TEST_P(OldKernel, without_epoll_pwait2_waits_in_whole_milliseconds_and_never_less) {
  if (!can_deny()) GTEST_SKIP() << "system calls cannot be denied here";
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(deny({{SYS_epoll_pwait2, GetParam()}}));
    const auto poller = make_poller(PollerKind::epoll);
    const FdPair pipe = make_pipe();
    poller->add(pipe.first.get(), Events::read, 5);
    for (nanoseconds timeout : {1ns, nanoseconds(50us), nanoseconds(1'000'001)}) {
      const TimePoint before = Clock::now();
      EXPECT_TRUE(poller->wait(timeout).empty());
      EXPECT_GE(Clock::now() - before, timeout);
    }
    put_byte(pipe.second);
    for (nanoseconds timeout :
         {nanoseconds(-1), nanoseconds(0), nanoseconds(1ms), (nanoseconds::max)()}) {
      const auto found = poller->wait(timeout);
      ASSERT_EQ(found.size(), 1u);
      EXPECT_EQ(found[0].token, 5u);
    }
  }));
}

INSTANTIATE_TEST_SUITE_P(, OldKernel, testing::Values(ENOSYS, EPERM),
                         [](const auto& test) {
                           return test.param == ENOSYS ? "ENOSYS" : "EPERM";
                         });

}  // namespace
}  // namespace tornado::test
