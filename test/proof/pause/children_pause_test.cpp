// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <optional>

#include "stretch.h"
#include "support/deny.h"
#include "support/descriptors.h"
#include "support/wait.h"
#include "tornado/error.h"
#include "tornado/ioloop.h"
#include "tornado/spawn.h"
#include "tornado/subprocess.h"

namespace tornado::test {
namespace {

constexpr int unmarked = 50;  // a number that the intruder opens without close-on-exec

SpawnOptions command(std::string line) {
  SpawnOptions options;
  options.shell = std::move(line);
  return options;
}

/// The end of a child that exits with 7 is reported once, with `meanwhile` at each
/// point.
void play_exit(const std::function<void()>& meanwhile,
               const std::function<void(const ExitStatus&)>& check) {
  const int played = stretch_each(
      [&] {
        IOLoop loop;
        int calls = 0;
        Subprocess child(command("exit 7"), loop);
        child.set_exit_callback([&](const ExitStatus& status) {
          ++calls;
          check(status);
          loop.stop();
        });
        const auto alarm = loop.call_later(patience, [&] {
          ADD_FAILURE() << "the end was not reported";
          loop.stop();
        });
        loop.start();
        loop.remove_timeout(alarm);
        EXPECT_EQ(loop.run_sync([] { return 1; }), 1);
        EXPECT_EQ(calls, 1);
      },
      meanwhile);
  EXPECT_GT(played, 10);
}

TEST(ExitWatchPaused, tells_once_of_a_child_that_has_ended_by_then) {
  play_exit(
      [] {
        siginfo_t info{};
        ::waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);  // none yet, or when it has ended
      },
      [](const ExitStatus& status) {
        EXPECT_FALSE(status.error);
        EXPECT_EQ(status.returncode, 7);
      });
}

TEST(ExitWatchPaused, tells_once_of_a_child_whose_status_was_taken) {
  bool taken = false;
  play_exit([&] { taken = ::waitpid(-1, nullptr, 0) > 0; },
            [&](const ExitStatus& status) {
              if (taken && !keeps_status()) {
                EXPECT_EQ(status.error, Errc::status_taken);
              } else {
                EXPECT_EQ(status.returncode, 7);
              }
              taken = false;
            });
}

TEST(ExitWatchPaused, tells_once_beside_a_thread_that_spawns) {
  play_exit(
      [] {
        on_another_thread([] {
          Child other = spawn(command("exit 3"));
          EXPECT_EQ(wait_child(other), 3);
        });
      },
      [](const ExitStatus& status) { EXPECT_EQ(status.returncode, 7); });
}

TEST(SpawnPaused, gives_the_child_no_descriptor_that_another_thread_opens) {
  const int played = stretch_each(
      [&] {
        Child child =
            spawn(command("test ! -e /proc/self/fd/" + std::to_string(unmarked)));
        EXPECT_EQ(wait_child(child), 0);
        ::close(unmarked);
      },
      [] {
        on_another_thread([] {
          const int fd = ::open("/dev/null", O_RDONLY);  // NOLINT: without O_CLOEXEC
          EXPECT_EQ(::dup2(fd, unmarked), unmarked);
          ::close(fd);
        });
      });
  EXPECT_EQ(played, 2);
}

TEST(SpawnPaused, pipes_end_even_if_another_thread_spawns) {
  // The other child lives on, with whatever it was given.
  Child other;
  const int played = stretch_each(
      [&] {
        SpawnOptions options = command("echo here");
        options.out = Stdio::pipe();
        Child child = spawn(options);
        EXPECT_EQ(read_to_end(child.out.get()), "here\n");
        EXPECT_EQ(wait_child(child), 0);
        if (other.pid == -1) return;
        other.in.reset();
        EXPECT_EQ(wait_child(other), 0);
      },
      [&] {
        on_another_thread([&] {
          SpawnOptions options = command("read line; true");
          options.in = Stdio::pipe();
          other = spawn(options);
        });
      });
  EXPECT_EQ(played, 2);
}

}  // namespace
}  // namespace tornado::test
