// SPDX-License-Identifier: Apache-2.0
// A waker whose other end died: it is found, reported once, and rebuilt under its
// numbers.
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "platform/every_waker.h"
#include "platform/loop_waker.h"
#include "support/child.h"
#include "support/descriptors.h"
#include "support/limits.h"
#include "support/scale.h"
#include "support/signals.h"
#include "support/sleeps.h"
#include "support/wait.h"
#include "tornado/platform.h"

namespace tornado::test {
namespace {

class EveryWakerRebuilt : public WakerSuite {
 protected:
  LoopWaker waker_{kind()};
};

class EverySocketWaker : public EveryWakerRebuilt {};

/// A pipe keeps one old end, for writes that are under way.
void expect_no_more_open(const LoopWaker& waker, const std::set<int>& before) {
  const std::size_t kept = waker.kind() == WakerKind::pipe ? 1 : 0;
  EXPECT_LE(open_numbers().size(), before.size() + kept);
}

void rebuild_and_expect_to_work(LoopWaker& waker) {
  const std::set<int> before = open_numbers();
  const int reader = waker.fileno();
  const int writer = waker.write_fileno();
  const std::uint64_t rebuilt = waker.counters().rebuilt;
  EXPECT_FALSE(waker.consume());
  waker.rebuild();
  EXPECT_EQ(waker.counters().rebuilt, rebuilt + 1);
  EXPECT_EQ(waker.fileno(), reader);
  EXPECT_EQ(waker.write_fileno(), writer);
  expect_no_more_open(waker, before);
  for (int fd : {reader, writer}) {
    EXPECT_TRUE(is_close_exec(fd));
    EXPECT_TRUE(is_nonblocking(fd) || !is_made_of_bytes(waker.kind()));
  }
  expect_to_work(waker);
}

TEST_P(EveryWakerRebuilt, after_its_writer_was_replaced_works_under_the_same_numbers) {
  replace_the_writer(waker_);
  rebuild_and_expect_to_work(waker_);
}

TEST_P(EverySocketWaker, works_again_after_the_writer_was_shut_down) {
  ASSERT_EQ(::shutdown(waker_.write_fileno(), SHUT_WR), 0);
  EXPECT_TRUE(becomes_readable(waker_.fileno()));
  rebuild_and_expect_to_work(waker_);
}

TEST_P(EverySocketWaker, works_again_after_both_ends_were_shut_down) {
  ASSERT_EQ(::shutdown(waker_.fileno(), SHUT_RDWR), 0);
  rebuild_and_expect_to_work(waker_);
}

TEST_P(EverySocketWaker, raises_no_SIGPIPE_without_a_reader) {
  EXPECT_TRUE(passes_in_child([this] {
    ::signal(SIGPIPE, SIG_DFL);
    ASSERT_EQ(::shutdown(waker_.fileno(), SHUT_RDWR), 0);
    for (int i = 0; i < 10; ++i) {
      waker_.wake();
      waker_.disarm();
      (void)waker_.arm();
    }
    EXPECT_FALSE(waker_.consume());
  }));
}

std::atomic<int> broken_pipes{0};

TEST(PipeWaker, raises_no_SIGPIPE_for_a_write_that_a_rebuild_overtakes) {
  broken_pipes = 0;
  const SignalScope count(SIGPIPE, [](int) { ++broken_pipes; });
  const SignalScope interrupt(SIGUSR1, [](int) {});
  LoopWaker waker(WakerKind::pipe);
  // So that the write is under way for as long as it takes.
  fill(waker.write_fileno());
  set_nonblocking(waker.write_fileno(), false);
  std::atomic<pid_t> id{0};
  std::atomic<bool> woke{false};
  std::thread other([&] {
    id = static_cast<pid_t>(::syscall(SYS_gettid));
    waker.wake();
    woke = true;
  });
  EXPECT_TRUE(wait_until([&] { return id != 0 && sleeps(id); }));
  waker.rebuild();
  EXPECT_TRUE(wait_until([&] {
    if (!woke) ::pthread_kill(other.native_handle(), SIGUSR1);
    return woke.load();
  }));
  other.join();
  EXPECT_EQ(broken_pipes, 0);
  expect_to_work(waker);
}

TEST(PipeWaker, gives_its_descriptors_back_in_a_child_forked_amid_a_wake) {
  LoopWaker waker(WakerKind::pipe);
  fill(waker.write_fileno());
  set_nonblocking(waker.write_fileno(), false);
  std::atomic<pid_t> id{0};
  std::thread other([&] {
    id = static_cast<pid_t>(::syscall(SYS_gettid));
    waker.wake();
  });
  EXPECT_TRUE(wait_until([&] { return id != 0 && sleeps(id); }));
  for (const bool rebuilt : {false, true}) {
    EXPECT_TRUE(passes_in_child([&] {
      if (rebuilt) waker.rebuild();
      const std::set<int> ends{waker.fileno(), waker.write_fileno()};
      waker.close();
      const std::set<int> open = open_numbers();
      for (const int end : ends) EXPECT_FALSE(open.contains(end));
    }));
  }
  EXPECT_GT(drain(waker.fileno()), 0u);
  other.join();
}

TEST(TcpPairWaker, works_again_after_it_was_reset) {
  LoopWaker waker(WakerKind::tcp_pair);
  const linger at_once{1, 0};
  ASSERT_EQ(::setsockopt(waker.write_fileno(), SOL_SOCKET, SO_LINGER, &at_once,
                         sizeof at_once),
            0);
  replace_the_writer(waker);
  EXPECT_TRUE(becomes_readable(waker.fileno()));
  rebuild_and_expect_to_work(waker);
}

TEST_P(EveryWakerRebuilt, tells_of_a_dead_end_until_it_is_rebuilt) {
  replace_the_writer(waker_);
  EXPECT_FALSE(waker_.consume());
  EXPECT_FALSE(waker_.consume());
  waker_.rebuild();
  EXPECT_TRUE(waker_.consume());
}

TEST_P(EveryWakerRebuilt, says_in_arm_that_a_wake_may_have_gone_with_the_old_ends) {
  waker_.rebuild();
  EXPECT_FALSE(waker_.arm());
  waker_.disarm();
  EXPECT_TRUE(waker_.arm());
}

TEST_P(EveryWakerRebuilt, can_be_slept_on_at_once) {
  waker_.rebuild();
  waker_.wake();
  EXPECT_TRUE(is_readable(waker_.fileno()))
      << "a thread that sleeps and consumes, and never arms, must get this wake";
}

TEST_P(EveryWakerRebuilt, cannot_be_when_there_is_no_room_and_then_nothing_changed) {
  const std::set<int> before = open_numbers();
  {
    const DescriptorLimit limit(0);
    EXPECT_THROW(waker_.rebuild(), std::system_error);
  }
  expect_no_more_open(waker_, before);
  EXPECT_EQ(waker_.counters().rebuilt, 0u);
  EXPECT_TRUE(waker_.consume());
  expect_to_work(waker_);
}

TEST_P(EveryWakerRebuilt, again_and_again_amid_wakes_loses_none) {
  const std::set<int> before = open_numbers();
  expect_rebuilds_to_lose_no_wake(waker_, scaled(20'000),
                                  [](std::uint64_t turn) { return turn % 4 == 0; });
  expect_no_more_open(waker_, before);
  expect_to_work(waker_);
}

INSTANTIATE_TEST_SUITE_P(, EveryWakerRebuilt, testing::ValuesIn(waker_kinds()),
                         name_of_waker);
INSTANTIATE_TEST_SUITE_P(, EverySocketWaker,
                         testing::Values(WakerKind::socketpair, WakerKind::tcp_pair),
                         name_of_waker);

}  // namespace
}  // namespace tornado::test
