// SPDX-License-Identifier: Apache-2.0
#include "loop/mailbox.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <array>
#include <vector>

#include "platform/thread.h"
#include "support/child.h"
#include "support/wait.h"
#include "tornado/ioloop.h"
#include "tornado/loop_handle.h"

namespace tornado::test {
namespace {

class Mailboxes : public testing::Test {
 protected:
  bool woken() {
    const bool readable = is_readable(mailbox_.waker().fileno());
    mailbox_.waker().consume();
    return readable;
  }
  std::vector<int> taken_signals() {
    std::vector<int> signals;
    mailbox_.take_signals([&](int signal) { signals.push_back(signal); });
    return signals;
  }
  bool post() {
    return mailbox_.post([] {}, {});
  }

  Mailbox mailbox_{WakerKind::best};
};

TEST_F(Mailboxes, are_woken_once_from_each_sleep_and_not_while_they_are_awake) {
  EXPECT_TRUE(post());
  EXPECT_FALSE(woken());
  for (int sleep = 0; sleep < 3; ++sleep) {
    mailbox_.queue().fetch();
    EXPECT_TRUE(mailbox_.queue().fall_asleep());
    EXPECT_TRUE(post());
    EXPECT_TRUE(woken());
    EXPECT_TRUE(post());
    EXPECT_FALSE(woken());
  }
  EXPECT_EQ(mailbox_.queue().size(), 7u);
}

TEST_F(Mailboxes, are_not_woken_by_the_thread_that_runs_the_loop) {
  mailbox_.set_runner(std::this_thread::get_id());
  EXPECT_TRUE(mailbox_.queue().fall_asleep());
  EXPECT_TRUE(post());
  EXPECT_EQ(mailbox_.queue().size(), 1u);
  EXPECT_FALSE(woken());
  Thread([this] { EXPECT_TRUE(post()); }).join();
  EXPECT_TRUE(woken());
}

TEST_F(Mailboxes, refuse_what_cannot_be_called) {
  EXPECT_THROW(mailbox_.post(nullptr, {}), std::system_error);
}

TEST_F(Mailboxes, of_a_parent_refuse_until_a_child_takes_them_over) {
  EXPECT_TRUE(passes_in_child([this] {
    EXPECT_TRUE(mailbox_.closed());
    EXPECT_FALSE(post());
    EXPECT_TRUE(mailbox_.renew());
    EXPECT_FALSE(post());
    mailbox_.take_over();
    EXPECT_FALSE(mailbox_.closed());
    EXPECT_TRUE(post());
    EXPECT_TRUE(woken());
  }));
}

TEST(AsymmetricFences, are_used_where_the_system_has_them) {
  use_asymmetric_fences();
  EXPECT_EQ(fences_are_asymmetric.load(), heavy_fence());
}

TEST_F(Mailboxes, give_each_signal_that_was_notified_once) {
  EXPECT_EQ(taken_signals(), std::vector<int>{});
  const int last = NSIG - 1;
  for (const std::vector<int>& some :
       {std::vector{1}, {last}, {1, 2, 31, last - 1, last}, {63}}) {
    for (const int signal : some) {
      mailbox_.notify_signal(signal);
      EXPECT_TRUE(woken());
      mailbox_.notify_signal(signal);
    }
    EXPECT_EQ(taken_signals(), some);
    EXPECT_EQ(taken_signals(), std::vector<int>{});
    (void)woken();
  }
}

TEST_F(Mailboxes, give_a_stop_once) {
  EXPECT_FALSE(mailbox_.take_stop());
  mailbox_.stop();
  EXPECT_TRUE(woken());
  EXPECT_TRUE(mailbox_.stop_requested());
  EXPECT_TRUE(mailbox_.take_stop());
  EXPECT_FALSE(mailbox_.stop_requested());
  EXPECT_FALSE(mailbox_.take_stop());
}

TEST_F(Mailboxes, are_woken_by_a_post_from_a_signal_handler) {
  const char byte = 0;
  EXPECT_TRUE(mailbox_.post_from_signal([](void*) {}, &byte, sizeof byte));
  EXPECT_TRUE(woken());
}

void expect_to_refuse(const LoopHandle& handle) {
  EXPECT_TRUE(handle.closed());
  EXPECT_FALSE(handle.add_callback([] {}));
  EXPECT_FALSE(handle.add_callback_from_signal([] {}));
  handle.stop();
}

TEST(LoopHandles, that_are_empty_answer_like_handles_of_a_closed_loop) {
  expect_to_refuse(LoopHandle());
  IOLoop loop(IOLoop::Options{{}, {}, false});
  const LoopHandle handle = loop.handle();
  EXPECT_FALSE(handle.closed());
  EXPECT_TRUE(handle.add_callback([] {}));
  EXPECT_TRUE(handle.add_callback_from_signal([] {}));
  loop.close();
  expect_to_refuse(handle);
}

TEST_F(Mailboxes, take_no_more_once_closed_and_destroy_what_was_there) {
  const auto alive = std::make_shared<int>();
  EXPECT_TRUE(mailbox_.post([alive] {}, {}));
  EXPECT_FALSE(mailbox_.closed());
  mailbox_.close();
  EXPECT_TRUE(mailbox_.closed());
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_EQ(mailbox_.waker().fileno(), invalid_fd);
  EXPECT_FALSE(mailbox_.post([alive] {}, {}));
  EXPECT_FALSE(mailbox_.post_from_signal([](void*) {}, nullptr, 0));
  mailbox_.stop();
  EXPECT_FALSE(mailbox_.stop_requested());
}

/// Runs `f` on one processor alone.
template <class F>
void on_cpu(std::size_t cpu, F f) {
  Thread([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    f();
  }).join();
}

TEST_F(Mailboxes, know_whether_they_were_woken_on_the_same_processor) {
  cpu_set_t all;
  ASSERT_EQ(::sched_getaffinity(0, sizeof all, &all), 0);
  std::vector<std::size_t> cpus;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &all)) cpus.push_back(cpu);
  }
  if (cpus.size() < 2) GTEST_SKIP() << "there is one processor only";
  EXPECT_FALSE(mailbox_.woken_from_here());
  EXPECT_TRUE(mailbox_.queue().fall_asleep());
  on_cpu(cpus[0], [this] {
    post();
    EXPECT_TRUE(mailbox_.woken_from_here());
  });
  on_cpu(cpus[1], [this] { EXPECT_FALSE(mailbox_.woken_from_here()); });
}

}  // namespace
}  // namespace tornado::test
