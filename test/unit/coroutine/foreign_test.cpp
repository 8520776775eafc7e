// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <csignal>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "tornado/executor.h"
#include "tornado/gen.h"
#include "tornado/periodic_callback.h"
#include "tornado/subprocess.h"
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

/// Is resumed while its destructor waits for the thread that does so.
class ResumedAtItsEnd {
 public:
  ResumedAtItsEnd() noexcept {}
  ResumedAtItsEnd(const ResumedAtItsEnd&) = delete;
  ResumedAtItsEnd& operator=(const ResumedAtItsEnd&) = delete;
  ~ResumedAtItsEnd() {
    std::thread([this] { coroutine_.resume(); }).join();
  }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> coroutine) { coroutine_ = coroutine; }
  void await_resume() const noexcept {}

 private:
  std::coroutine_handle<> coroutine_;
};

TEST(ForeignAwaitables, may_resume_until_their_destructor_ends) {
  const auto of_temporary = []() -> Task<> { co_await ResumedAtItsEnd(); };
  const auto of_local = []() -> Task<> {
    ResumedAtItsEnd awaitable;
    co_await awaitable;
  };
  IOLoop loop;
  loop.spawn_callback(of_temporary());
  loop.spawn_callback(of_local());
  loop.run_sync([]() -> Task<> { co_await moment(); }());
  EXPECT_EQ(loop.tasks().size(), 2u);
  loop.close();
}

TEST(ForeignAwaitables, may_resume_late_in_a_task_that_a_group_ends) {
  IOLoop loop;
  const auto waits = []() -> Task<> { co_await ResumedAtItsEnd(); };
  const auto abandons = [&]() -> Task<> {
    {
      TaskGroup group;
      group.start(waits());
      co_await moment();
    }
    co_await moment();
  };
  loop.run_sync(abandons());
  EXPECT_TRUE(loop.tasks().empty());
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

Task<int> comes_after(Delay delay, int value) {
  co_await sleep(delay);
  if (value == 0) throw std::runtime_error("zero");
  co_return value;
}

TEST_F(Coroutines, test_iterator) {
  std::vector<Task<int>> tasks;
  tasks.push_back(comes_after(2s, 0));
  tasks.push_back(comes_after(3s, 1));
  tasks.push_back(comes_after(1s, 2));
  tasks.push_back(comes_after(4s, 3));
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
  // A number that was closed, and belongs to another file now, gets a new wait.
  ::close(ends[0]);
  ::close(ends[1]);
  ASSERT_EQ(::pipe(ends), 0);
  (void)loop.run_sync(multi(reads(ends[0]), writes(ends[1])));
  ::close(ends[0]);
  ::close(ends[1]);
}

// Results from elsewhere.

TEST_F(Coroutines, wait_until_a_callback_or_a_thread_brings_the_result) {
  const auto by_timeout = [](IOLoop& on) -> Task<int> {
    const auto begin = [&on](const Completion<int>& done) {
      on.call_later(1s, [done] { done.set_value(7); });
    };
    co_return co_await until<int>(begin);
  };
  EXPECT_EQ(loop.run_sync(by_timeout(loop)), 7);
  const auto held = simulation.hold_time();
  std::thread thread;
  const auto by_thread = [](std::thread& other) -> Task<std::unique_ptr<int>> {
    const auto begin = [&other](const Completion<std::unique_ptr<int>>& done) {
      other = std::thread([done] { done.set_value(std::make_unique<int>(8)); });
    };
    co_return co_await until<std::unique_ptr<int>>(begin);
  };
  EXPECT_EQ(*loop.run_sync(by_thread(thread)), 8);
  thread.join();
}

TEST_F(Coroutines, are_told_when_nothing_can_bring_the_result_any_more) {
  const auto dropped = []() -> Task<> {
    const auto begin = [](const Completion<void>&) {};
    co_await until<void>(begin);
  };
  try {
    loop.run_sync(dropped());
    ADD_FAILURE() << "no error";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), Errc::abandoned);
  }
}

TEST_F(Coroutines, that_were_cancelled_leave_the_result_to_nobody) {
  std::optional<Completion<int>> late;
  const auto waits = [](std::optional<Completion<int>>& out) -> Task<> {
    const auto begin = [&out](const Completion<int>& done) { out = done; };
    (void)co_await until<int>(begin);
  };
  TaskGroup group(loop);
  group.start(waits(late));
  loop.call_later(1s, [&] {
    group.cancel();
    EXPECT_FALSE(late->set_value(1));
  });
  const auto join = [](TaskGroup& all) -> Task<> { co_await all.join(); };
  loop.run_sync(join(group));
}

TEST(Children, are_awaited_by_tasks) {
  IOLoop loop;
  const auto task = []() -> Task<int> {
    SpawnOptions options;
    options.argv = {"/bin/sh", "-c", "exit 3"};
    Subprocess child(options);
    const ExitStatus status = co_await child.exited();
    co_return status.returncode;
  };
  EXPECT_EQ(loop.run_sync(task()), 3);
}

TEST(Signals, are_awaited_by_tasks_and_kept_between_two_awaits) {
  IOLoop loop;
  const auto task = []() -> Task<int> {
    const auto watched = []() -> Task<> { (void)co_await tornado::signal(SIGUSR1); };
    try {
      co_await with_timeout(0ms, watched());
    } catch (const std::system_error&) {  // watched from here on
    }
    std::raise(SIGUSR1);
    co_await moment();
    co_await moment();
    co_return co_await tornado::signal(SIGUSR1);
  };
  EXPECT_EQ(loop.run_sync(task()), SIGUSR1);
}

TEST(Signals, come_to_the_next_task_when_the_first_is_destroyed) {
  IOLoop loop;
  const auto hears = []() -> Task<int> { co_return co_await tornado::signal(SIGUSR1); };
  const auto waits = [](Task<int> task) -> Task<> { (void)co_await std::move(task); };
  auto group = std::make_unique<TaskGroup>(loop);
  group->start(waits(hears()));
  loop.run_sync([]() -> Task<> { co_await moment(); });  // the task waits from now on
  // Runs after the signal was told, and before the task goes on.
  const auto destroys = [&] {
    std::raise(SIGUSR1);
    loop.add_callback([&] {
      group.reset();
      loop.stop();
    });
  };
  loop.call_later(1ms, destroys);
  loop.start();
  EXPECT_EQ(loop.run_sync(with_timeout(10s, hears())), SIGUSR1);
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
    std::promise<void> stopped;
    const std::stop_callback notice(token, [&] { stopped.set_value(); });
    stopped.get_future().wait();
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
