// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "tornado/executor.h"
#include "tornado/gen.h"
#include "tornado/periodic_callback.h"
#include "tornado/task_group.h"
#include "tornado/testing.h"
#include "tornado/wait_iterator.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;

/// Resumes the coroutine on a thread of its own.
class OnThread {
 public:
  explicit OnThread(int value) noexcept : value_(value) {}
  OnThread(const OnThread&) = delete;
  OnThread& operator=(const OnThread&) = delete;
  ~OnThread() {
    if (thread_.joinable()) thread_.join();
  }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> coroutine) {
    thread_ = std::thread([coroutine] { coroutine.resume(); });
  }
  std::unique_ptr<int> await_resume() const { return std::make_unique<int>(value_); }

 private:
  int value_;
  std::thread thread_;
};

/// Resumes at once, by the rules of each return type of await_suspend.
struct AtOnce {
  AtOnce() noexcept {}
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<>) const noexcept { return false; }
  int await_resume() const noexcept { return 1; }
};
struct Symmetric {
  Symmetric() noexcept {}
  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> self) const noexcept {
    return self;
  }
  int await_resume() const noexcept { return 2; }
};
struct Convertible {
  Convertible() noexcept {}
  AtOnce operator co_await() const noexcept { return {}; }
};
struct Throws {
  Throws() noexcept {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<>) const { throw std::string("refused"); }
  void await_resume() const noexcept {}
};

TEST(ForeignAwaitables, may_resume_on_any_thread_and_give_the_result_on_the_loops) {
  IOLoop loop;
  const auto task = []() -> Task<int> {
    const auto before = std::this_thread::get_id();
    OnThread awaitable(7);
    const auto value = co_await awaitable;
    co_return before == std::this_thread::get_id() ? *value : 0;
  };
  EXPECT_EQ(loop.run_sync(task()), 7);
}

TEST(ForeignAwaitables, may_suspend_in_each_way_of_the_language) {
  IOLoop loop;
  const auto task = []() -> Task<int> {
    int sum = co_await AtOnce();
    sum += co_await Symmetric();
    sum += co_await Convertible();
    co_await std::suspend_never();
    co_return sum;
  };
  EXPECT_EQ(loop.run_sync(task()), 4);
}

TEST(ForeignAwaitables, throw_what_their_suspension_throws) {
  IOLoop loop;
  const auto task = []() -> Task<std::string> {
    try {
      co_await Throws();
    } catch (const std::string& what) {
      co_return what;
    }
    co_return "nothing";
  };
  EXPECT_EQ(loop.run_sync(task()), "refused");
}

TEST(ForeignAwaitables, that_never_resume_end_with_the_task) {
  IOLoop loop;
  const auto task = []() -> Task<> { co_await std::suspend_always(); };
  loop.spawn_callback(task());
  loop.call_later(0ms, [&] { loop.stop(); });
  loop.start();
  ASSERT_EQ(loop.tasks().size(), 1u);
  EXPECT_EQ(loop.tasks()[0].waits_for, "another library");
}

// Callables that are coroutines.

class Coroutines : public SimulatedLoop<testing::Test> {};

TEST_F(Coroutines, of_a_PeriodicCallback_never_overlap) {
  int begun = 0;
  int running = 0;
  bool overlapped = false;
  const auto tick = [&]() -> Task<> {
    ++begun;
    overlapped = overlapped || running > 0;
    ++running;
    co_await sleep(2500ms);
    --running;
  };
  PeriodicCallback periodic(loop, tick, 1s);
  periodic.start();
  loop.call_later(10500ms, [&] { loop.stop(); });
  loop.start();
  EXPECT_FALSE(overlapped);
  EXPECT_EQ(begun, 4);  // at 1, 4, 7 and 10 seconds
}

// WaitIterator.

Task<int> later(Delay delay, int value) {
  co_await sleep(delay);
  if (value == 0) throw std::runtime_error("zero");
  co_return value;
}

TEST_F(Coroutines, test_iterator) {
  std::vector<Task<int>> tasks;
  tasks.push_back(later(2s, 0));
  tasks.push_back(later(3s, 1));
  tasks.push_back(later(1s, 2));
  tasks.push_back(later(4s, 3));
  const auto collect = [](std::vector<Task<int>> all) -> Task<std::string> {
    WaitIterator<int> results(std::move(all));
    std::string seen;
    while (!results.done()) {
      try {
        seen += std::to_string(co_await results.next());
      } catch (const std::runtime_error& error) {
        seen += error.what();
      }
      seen += "@" + std::to_string(results.current_index().value()) + " ";
    }
    co_return seen;
  };
  EXPECT_EQ(loop.run_sync(collect(std::move(tasks))), "2@2 zero@0 1@1 3@3 ");
}

TEST_F(Coroutines, test_empty_iterator) {
  const auto empty = []() -> Task<bool> {
    WaitIterator<int> results{std::vector<Task<int>>()};
    co_return results.done() && !results.current_index();
  };
  EXPECT_TRUE(loop.run_sync(empty()));
}

TEST_F(Coroutines, wait_for_descriptors_together) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const auto reads = [](int fd) -> Task<char> {
    co_await readable(fd);
    char byte = 0;
    co_return ::read(fd, &byte, 1) == 1 ? byte : '-';
  };
  const auto writes = [](int fd) -> Task<> {
    co_await moment();
    co_await writable(fd);
    (void)!::write(fd, "x", 1);
  };
  const auto [byte, nothing] = loop.run_sync(multi(reads(ends[0]), writes(ends[1])));
  EXPECT_EQ(byte, 'x');
  // A number that was closed and is another file's is waited for anew.
  ::close(ends[0]);
  ::close(ends[1]);
  ASSERT_EQ(::pipe(ends), 0);
  (void)loop.run_sync(multi(reads(ends[0]), writes(ends[1])));
  ::close(ends[0]);
  ::close(ends[1]);
}

// The executor.

TEST(Executors, give_results_exceptions_and_keep_their_arguments) {
  IOLoop loop;
  const auto task = []() -> Task<int> {
    auto kept = std::make_unique<int>(40);
    const auto add = [](int a, std::unique_ptr<int> b) { return a + *b; };
    const int sum = co_await run_in_executor(add, 2, std::move(kept));
    const auto fails = [] { throw std::runtime_error("on a thread"); };
    try {
      co_await run_in_executor(fails);
    } catch (const std::runtime_error&) {
      co_return sum;
    }
    co_return 0;
  };
  EXPECT_EQ(loop.run_sync(task()), 42);
}

TEST(Executors, withdraw_jobs_that_have_not_begun_and_stop_those_that_run) {
  IOLoop loop;
  Executor one(1);
  std::atomic<int> begun{0};
  const auto runs = [&](const std::stop_token& token) {
    ++begun;
    std::atomic<bool> stopped{false};
    const std::stop_callback notice(token, [&] {
      stopped = true;
      stopped.notify_one();
    });
    stopped.wait(false);
  };
  const auto call = [](Executor& on, auto job) -> Task<> {
    co_await run_in_executor(on, job);
  };
  const auto both = [&](TaskGroup& group) -> Task<> {
    group.start(call, std::ref(one), runs);
    group.start(call, std::ref(one), runs);
    while (begun == 0) co_await moment();
    group.cancel();
    co_await group.join();
  };
  TaskGroup group(loop);
  loop.run_sync(both(group));
  EXPECT_EQ(begun, 1);
}

}  // namespace
}  // namespace tornado::test
