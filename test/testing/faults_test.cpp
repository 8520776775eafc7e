// SPDX-License-Identifier: Apache-2.0
#include "tornado/faults.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <new>
#include <stdexcept>
#include <thread>

#include "support/child.h"
#include "support/wait.h"
#include "tornado/tornado.h"

namespace tornado::test {
namespace {

TEST(FaultInjection, makes_the_call_of_that_number_fail_and_no_other) {
  const FdPair pipe = make_pipe();
  const FaultInjection injection({.call = "write", .error = ENOSPC, .nth = 2});
  EXPECT_EQ(::write(pipe.second.get(), "a", 1), 1);
  EXPECT_EQ(::write(pipe.second.get(), "b", 1), -1);
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_EQ(::write(pipe.second.get(), "c", 1), 1);
  EXPECT_EQ(injection.struck(), 1u);
  EXPECT_EQ(injection.count("write"), 3u);
}

TEST(FaultInjection, lasts_for_ever_if_asked_and_ends_with_its_life) {
  const FdPair pipe = make_pipe();
  {
    const FaultInjection injection(
        {.call = "write", .error = EPIPE, .nth = 1, .for_ever = true});
    for (int i = 0; i < 100; ++i) EXPECT_EQ(::write(pipe.second.get(), "a", 1), -1);
    EXPECT_EQ(injection.struck(), 100u);
  }
  EXPECT_EQ(::write(pipe.second.get(), "a", 1), 1);
}

TEST(FaultInjection, lets_a_call_move_one_byte) {
  const FdPair pipe = make_pipe();
  const FaultInjection injection({.call = "write", .error = moves_one_byte});
  EXPECT_EQ(::write(pipe.second.get(), "0123456789", 10), 1);
  EXPECT_EQ(::write(pipe.second.get(), "0123456789", 10), 10);
}

TEST(FaultInjection, reaches_below_the_library) {
  IOLoop loop;
  const FdPair pipe = make_pipe();
  {
    const FaultInjection injection({.call = "epoll_ctl", .error = ENOSPC});
    try {
      loop.add_handler(
          pipe.first.get(), [](NativeFd, Events) {}, Events::read);
      EXPECT_EQ(injection.struck(), 0u) << "of another poller";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::no_space_on_device);
    }
  }
  const FaultInjection injection({.call = "pipe2", .error = EMFILE});
  EXPECT_THROW((void)make_pipe(), std::system_error);
}

TEST(FaultInjection, refuses_memory) {
  const FaultInjection injection({.call = "operator new", .error = ENOMEM});
  EXPECT_THROW((void)::operator new(1), std::bad_alloc);
  EXPECT_NO_THROW(::operator delete(::operator new(1)));
}

std::atomic<bool> told{false};

TEST(FaultInjection, does_not_end_the_watchdog_of_a_loop_that_is_blocked) {
  const LogSink before =
      set_log_sink([](LogLevel, std::string_view) noexcept { told = true; });
  IOLoop loop;
  loop.set_blocking_log_threshold(std::chrono::milliseconds(1));
  loop.add_callback([&] {
    const FaultInjection injection(
        {.call = "operator new", .error = ENOMEM, .for_ever = true});
    EXPECT_TRUE(wait_until([] { return told.load(); }));
    loop.stop();
  });
  loop.start();
  set_log_sink(before);
}

TEST(FaultInjection, leaves_a_loop_that_could_not_be_taken_over_for_another_try) {
  IOLoop loop(PollerKind::epoll);
  EXPECT_TRUE(passes_in_child([&] {
    {
      const FaultInjection injection({.call = "epoll_ctl", .error = ENOMEM});
      EXPECT_THROW(loop.after_fork(), std::system_error);
      EXPECT_EQ(injection.struck(), 1u);
    }
    loop.after_fork();
    loop.call_later(patience, [] { ADD_FAILURE() << "not woken"; });
    std::thread other([handle = loop.handle()] {
      (void)handle.add_callback([] { IOLoop::current()->stop(); });
    });
    loop.start();
    other.join();
  }));
}

TEST(FaultInjection, counts_in_forked_children_as_well) {
  const FaultInjection injection({.call = "write", .error = EIO, .nth = 2});
  EXPECT_EQ(::write(-1, "", 0), -1);
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(::write(-1, "", 0) == -1 && errno == EIO ? 0 : 1);
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(injection.struck(), 1u);
  EXPECT_EQ(injection.count("fork"), 1u);
}

TEST(FaultInjection, refuses_what_it_does_not_know_and_a_second_one) {
  const auto text = [](const Fault& fault) -> std::string {
    try {
      const FaultInjection injection(fault);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return {};
  };
  EXPECT_EQ(text({.call = "scribble", .error = EIO}),
            "FaultInjection: no such call: scribble");
  EXPECT_EQ(text({.call = "write"}),
            "FaultInjection: write: no error, or the call number 0");
  EXPECT_EQ(text({.call = "write", .error = EIO, .nth = 0}),
            "FaultInjection: write: no error, or the call number 0");
  const FaultInjection first;
  EXPECT_THROW(FaultInjection(), std::logic_error);
  EXPECT_THROW((void)first.count("scribble"), std::invalid_argument);
}

}  // namespace
}  // namespace tornado::test
