// SPDX-License-Identifier: Apache-2.0
// Tasks that fork, and that leave the program.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <system_error>

#include "support/child.h"
#include "tornado/executor.h"
#include "tornado/gen.h"
#include "tornado/task_group.h"

namespace tornado::test {
namespace {

TEST(HostileForks, run_no_other_task_in_the_child) {
  EXPECT_TRUE(passes_in_child([] {
    IOLoop loop;
    const pid_t first = ::getpid();
    int runs_elsewhere = 0;
    const auto forks = []() -> Task<> {
      (void)::fork();
      co_await moment();
    };
    const auto other = [&]() -> Task<> {
      if (::getpid() != first) ++runs_elsewhere;
      co_await moment();
      if (::getpid() != first) ++runs_elsewhere;
    };
    const auto both = [&]() -> Task<> { (void)co_await multi(forks(), other()); };
    try {
      loop.run_sync(both);
      EXPECT_EQ(::getpid(), first);
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), Errc::loop_forked);
    }
    if (::getpid() != first) ::_exit(runs_elsewhere == 0 ? 0 : 1);
    int status = -1;
    EXPECT_GT(::wait(&status), 0);
    EXPECT_EQ(status, 0);
  }));
}

TEST(HostileJobs, end_in_a_forked_child_that_takes_the_loop_over) {
  IOLoop loop;
  TaskGroup group(loop);
  std::atomic<bool> runs{false};
  std::atomic<bool> ends{false};
  std::error_code refused;
  int given = 0;
  const auto waits = [&]() -> Task<> {
    const auto job = [&] {
      runs = true;
      ends.wait(false);
      return 42;
    };
    try {
      given = co_await run_in_executor(job);
    } catch (const std::system_error& error) {
      refused = error.code();
    }
  };
  const auto joins = [&]() -> Task<> { co_await group.join(); };
  const auto runs_by_now = [&]() -> Task<> {
    while (!runs) co_await moment();
  };
  group.start(waits);
  loop.run_sync(runs_by_now);
  EXPECT_TRUE(passes_in_child([&] {
    loop.after_fork();
    loop.run_sync(joins);
    EXPECT_EQ(refused, Errc::executor_closed);
    const auto asks = []() -> Task<int> {
      const auto answer = [] { return 7; };
      co_return co_await run_in_executor(answer);
    };
    EXPECT_EQ(loop.run_sync(asks()), 7);
  }));
  ends = true;
  ends.notify_one();
  loop.run_sync(joins);
  EXPECT_EQ(given, 42);
}

TEST(HostileTasksPosix, may_leave_the_program) {
  const ChildResult left = run_in_child([]() -> std::string {
    static IOLoop loop;
    const auto leaves = []() -> Task<> {
      co_await moment();
      std::exit(7);
    };
    loop.run_sync(leaves());
    return "not reached";
  });
  EXPECT_EQ(left.exit_status, 7);
  EXPECT_EQ(left.signal, 0);
}

/// Ends the thread in the last of three tasks, at once or after a wait.
struct ThreadEnd {
  struct Local {
    explicit Local(int& l) noexcept : live(l) { ++live; }
    Local(const Local&) = delete;
    Local& operator=(const Local&) = delete;
    ~Local() { --live; }
    int& live;
  };
  Task<> leave() {
    const Local local(live);
    if (!at_once) co_await moment();
    ::pthread_exit(nullptr);
  }
  Task<> await_leave() {
    const Local local(live);
    co_await leave();
  }
  Task<> start() {
    const Local local(live);
    co_await await_leave();
  }
  static void* run(void* of) {
    auto& end = *static_cast<ThreadEnd*>(of);
    end.loop.run_sync(end.start());
    return of;
  }

  IOLoop loop;
  bool at_once = false;
  int live = 0;
};

TEST(HostileTasksPosix, may_end_their_thread) {
#if defined(__clang__) && __clang_major__ < 19
  GTEST_SKIP() << "clang 16 destroys locals twice when unhandled_exception() throws";
#endif
  EXPECT_TRUE(passes_in_child([] {
    for (const bool at_once : {true, false}) {
      ThreadEnd end;
      end.at_once = at_once;
      pthread_t thread{};
      ASSERT_EQ(::pthread_create(&thread, nullptr, &ThreadEnd::run, &end), 0);
      void* result = &end;
      ASSERT_EQ(::pthread_join(thread, &result), 0);
      EXPECT_EQ(result, nullptr) << "run_sync() came back";
      EXPECT_EQ(end.live, 0);
      EXPECT_TRUE(end.loop.tasks().empty());
      end.loop.run_sync([] {});  // it is whole
    }
  }));
}

}  // namespace
}  // namespace tornado::test
