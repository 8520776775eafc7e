// SPDX-License-Identifier: Apache-2.0
// What a simulation says of tasks that can never go on.
#include <gtest/gtest.h>

#include <string>
#include <system_error>
#include <utility>

#include "stage.h"
#include "tornado/locks.h"
#include "tornado/queues.h"

namespace tornado::test {
namespace {

class Deadlocks : public Stage {
 protected:
  std::string deadlock_of(Task<> task) {
    try {
      loop.run_sync(std::move(task));
    } catch (const std::system_error& error) {
      if (error.code() == std::errc::resource_deadlock_would_occur) return error.what();
    }
    return "none";
  }
};

Task<> awaits_the_end_of(TaskGroup& group) {
  co_await group.join();
}

Task<> takes_both(Lock& first, Lock& second) {
  const LockGuard one = co_await first.acquire();
  co_await moment();
  const LockGuard two = co_await second.acquire();
}

TEST_F(Deadlocks, of_two_locks_are_named_with_the_tasks_that_hold_them) {
  Lock a;
  Lock b;
  const auto both = [](Lock& one, Lock& other) -> Task<> {
    (void)co_await multi(takes_both(one, other), takes_both(other, one));
  };
  const std::string text = deadlock_of(both(a, b));
  EXPECT_NE(text.find("3 tasks wait"), std::string::npos) << text;
  const std::string wait = "lock held by";
  const std::size_t first = text.find(wait);
  ASSERT_NE(first, std::string::npos) << text;
  EXPECT_NE(text.find(wait, first + 1), std::string::npos) << text;
  EXPECT_NE(text.find("takes_both"), std::string::npos) << text;
  EXPECT_NE(text.find("deadlock_test.cpp:"), std::string::npos) << text;
}

TEST_F(Deadlocks, of_a_group_whose_task_awaits_its_end_are_named) {
  TaskGroup group(loop);
  const auto waits_within = [](TaskGroup& own) -> Task<> {
    (void)co_await multi(awaits_the_end_of(own));
  };
  group.start(waits_within(group));
  const std::string text = deadlock_of(awaits_the_end_of(group));
  EXPECT_NE(text.find("the end of 1 tasks"), std::string::npos) << text;
  EXPECT_NE(text.find("awaits_the_end_of"), std::string::npos) << text;
}

TEST_F(Deadlocks, of_a_queue_that_no_task_fills_are_named) {
  Queue<int> queue;
  const auto gets = [](Queue<int>& from) -> Task<> { (void)co_await from.get(); };
  const std::string text = deadlock_of(gets(queue));
  EXPECT_NE(text.find("1 task waits"), std::string::npos) << text;
  EXPECT_NE(text.find("queue get"), std::string::npos) << text;
}

}  // namespace
}  // namespace tornado::test
