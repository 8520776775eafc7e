// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <windows.h>

#include <atomic>

#include "platform/error_windows.h"
#include "platform/handle_windows.h"
#include "platform/system_error.h"
#include "process/exit_wait.h"
#include "process/reported_windows.h"
#include "tornado/spawn.h"

namespace tornado::test {
namespace {

constexpr DWORD patience_ms = 30'000;

// Signals an event from the thread of the system's pool.
struct Told {
  UniqueHandle event{::CreateEventW(nullptr, FALSE, FALSE, nullptr)};
  std::atomic<int> times = 0;

  void ask(const Child& child) {
    notify_of_end(child.pid, child.process.get(), [this] {
      ++times;
      ::SetEvent(event.get());
    });
  }
  bool wait() {
    return ::WaitForSingleObject(event.get(), patience_ms) == WAIT_OBJECT_0;
  }
};

TEST(EndNotice, comes_once_when_the_child_has_ended) {
  Child child = spawn(reporter({"sleep"}));
  Told told;
  told.ask(child);
  EXPECT_EQ(told.times, 0);
  EXPECT_TRUE(signal_child(child.pid, child.process.get(), terminate_signal));
  EXPECT_TRUE(told.wait());
  EXPECT_EQ(wait_child(child), -15);
  EXPECT_EQ(told.times, 1);
}

TEST(EndNotice, comes_for_a_child_that_had_ended_and_whose_handle_is_closed) {
  Child child = spawn(reporter({"exit", "0"}));
  EXPECT_EQ(reap(child.pid, child.process.get(), WaitFor::end)->returncode, 0);
  Told told;
  told.ask(child);
  child.process.reset();
  EXPECT_TRUE(told.wait());
}

TEST(EndNotice, for_no_process_is_an_error) {
  EXPECT_THROW(notify_of_end(1, NativeFd{0}, [] {}), std::system_error);
}

}  // namespace
}  // namespace tornado::test
