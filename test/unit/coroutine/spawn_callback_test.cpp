// SPDX-License-Identifier: Apache-2.0
// Tasks that any thread starts on a loop.
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <thread>

#include "support/wait.h"
#include "tornado/task.h"

namespace tornado::test {
namespace {

struct SpawnCallback : testing::Test {
  IOLoop loop{IOLoop::Options{{}, {}, false}};
  const LoopHandle handle = loop.handle();
};

TEST_F(SpawnCallback, starts_a_task_of_another_thread_on_the_loop) {
  std::thread::id ran_on;
  const auto task = [](IOLoop& on, std::thread::id& where) -> Task<> {
    where = std::this_thread::get_id();
    EXPECT_EQ(IOLoop::current(false), &on);
    on.stop();
    co_return;
  };
  Thread other([&] { EXPECT_TRUE(handle.spawn_callback(task(loop, ran_on))); });
  loop.start();
  other.join();
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST_F(SpawnCallback, starts_a_task_of_the_loop_itself) {
  int runs = 0;
  const auto task = [](IOLoop& on, int& n) -> Task<> {
    ++n;
    on.stop();
    co_return;
  };
  loop.add_callback([&] { EXPECT_TRUE(handle.spawn_callback(task(loop, runs))); });
  loop.start();
  EXPECT_EQ(runs, 1);
}

TEST_F(SpawnCallback, hands_the_exception_to_handle_callback_exception) {
  std::exception_ptr seen;
  loop.handle_callback_exception([&](std::exception_ptr exception) {
    seen = std::move(exception);
    loop.stop();
  });
  const auto fails = []() -> Task<> {
    throw std::runtime_error("lost nowhere");
    co_return;
  };
  Thread other([&] { EXPECT_TRUE(handle.spawn_callback(fails())); });
  loop.start();
  other.join();
  EXPECT_THROW(std::rethrow_exception(seen), std::runtime_error);
}

// The argument lives in the frame.
TEST_F(SpawnCallback, destroys_the_frame_if_the_loop_is_closed) {
  const auto alive = std::make_shared<int>();
  const auto task = [](std::shared_ptr<int>) -> Task<> {
    ADD_FAILURE() << "the task began";
    co_return;
  };
  EXPECT_TRUE(handle.spawn_callback(task(alive)));
  EXPECT_EQ(alive.use_count(), 2);
  loop.close();
  EXPECT_EQ(alive.use_count(), 1) << "close() left a task that waited to begin";
  EXPECT_FALSE(handle.spawn_callback(task(alive)));
  EXPECT_FALSE(LoopHandle().spawn_callback(task(alive)));
  EXPECT_EQ(alive.use_count(), 1);
}

TEST_F(SpawnCallback, destroys_the_frame_if_another_thread_comes_too_late) {
  const auto alive = std::make_shared<int>();
  const auto task = [](std::shared_ptr<int>) -> Task<> { co_return; };
  loop.add_callback([&] { loop.close(); });
  Thread other([&] {
    while (handle.spawn_callback(task(alive))) std::this_thread::yield();
  });
  loop.start();
  other.join();
  EXPECT_EQ(alive.use_count(), 1);
}

TEST_F(SpawnCallback, refuses_what_is_no_task) {
  const auto code_of = [&](Task<> task) {
    try {
      (void)handle.spawn_callback(std::move(task));
    } catch (const std::system_error& error) {
      return error.code();
    }
    return std::error_code();
  };
  Task<> task = []() -> Task<> { co_return; }();
  const Task<> moved = std::move(task);
  EXPECT_EQ(code_of(std::move(task)), std::errc::invalid_argument);
  const auto closure = [n = 1]() -> Task<> {
    (void)n;
    co_return;
  };
  EXPECT_EQ(code_of(closure()), std::errc::invalid_argument);
}

}  // namespace
}  // namespace tornado::test
