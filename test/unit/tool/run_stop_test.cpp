// SPDX-License-Identifier: Apache-2.0
// How `tornado run` ends, restarts and signals its commands, and what it says of it.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "run/supervisor.h"
#include "support/deny.h"
#include "support/wait.h"
#include "tool/run_session.h"

namespace tornado::test {
namespace {

const std::string for_ever = "while :; do sleep 1000 & wait; done";
const std::string stubborn = "trap '' TERM; echo ready; while :; do sleep 1000; done";

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + 1)) {
    ++n;
  }
  return n;
}

UniqueFd open_process(int pid) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

TEST(RunStop, says_what_the_first_failure_was) {
  EXPECT_EQ(RunSession(shell("exit 0")).finish().status, 0);
  EXPECT_EQ(RunSession(shell("exit 7")).finish().status, 7);
  EXPECT_EQ(RunSession(shell("kill -KILL $$")).finish().status, 128 + SIGKILL);
  EXPECT_EQ(RunSession({"--", "/no/such"}).finish().status, 127);
  EXPECT_EQ(RunSession({"--", "/etc/passwd"}).finish().status, 126);
  const Finish missing = RunSession({"--", "/no/such"}).finish();
  EXPECT_TRUE(contains(missing.err, "such * exec /no/such: No such file or directory"));
}

TEST(RunStop, one_that_fails_ends_all) {
  const Finish finish =
      RunSession({"--", "sh", "-c", for_ever, ":::", "sh", "-c", "exit 3"}).finish();
  EXPECT_EQ(finish.status, 3);
  EXPECT_TRUE(contains(finish.err, "sh   * killed by signal 15 (Terminated)"))
      << finish.err;
}

TEST(RunStop, a_command_that_ends_with_zero_stops_no_other) {
  RunSession session({"--", "true", ":::", "sh", "-c", "echo up; " + for_ever});
  EXPECT_TRUE(session.reports("true * exited with status 0"));
  EXPECT_TRUE(session.says("up"));
  session.signal(SIGTERM);
  EXPECT_EQ(session.finish().status, 128 + SIGTERM);
}

TEST(RunStop, other_commands_go_on_if_asked) {
  RunSession session({"--keep-going", "--", "false", ":::", "sh", "-c",
                      "sleep 1000 & trap 'kill $!; exit 4' USR1; echo ready; wait"});
  EXPECT_TRUE(session.says("ready"));
  EXPECT_TRUE(session.reports("false * exited with status 1"));
  session.signal(SIGUSR1);
  const Finish finish = session.finish();
  EXPECT_EQ(finish.status, 1) << "the first failure";
  EXPECT_TRUE(contains(finish.err, "sh    * exited with status 4")) << finish.err;
  EXPECT_FALSE(contains(finish.err, "stopping"));
}

TEST(RunStop, a_command_that_cannot_be_executed_leaves_the_others_running_if_asked) {
  const Finish finish = RunSession({"--keep-going", "--", "/no/such", ":::", "echo",
                                    "two", ":::", "/no/such", ":::", "echo", "four"})
                            .finish();
  EXPECT_EQ(finish.status, 127);
  EXPECT_TRUE(contains(finish.out, "| two\n")) << finish.out << finish.err;
  EXPECT_TRUE(contains(finish.out, "| four\n")) << finish.out;
}

TEST(RunStop, the_last_one_goes_first) {
  const std::string slow =
      "sleep 1000 & trap 'echo bye; exit 0' TERM; echo ready; wait";
  RunSession session(
      {"--", "sh", "-c", slow, ":::", "sh", "-c", slow, ":::", "sh", "-c", slow});
  for (const char* name : {"sh   | ready", "sh.2 | ready", "sh.3 | ready"}) {
    EXPECT_TRUE(session.says(name));
  }
  session.signal(SIGINT);
  const Finish finish = session.finish();
  EXPECT_EQ(finish.status, 128 + SIGINT);
  std::vector<std::string> events;
  for (const auto& line : lines_of(finish.err)) {
    if (!contains(line, "started")) events.push_back(line);
  }
  EXPECT_EQ(events, (std::vector<std::string>{
                        "sh.3 * stopping", "sh.3 * exited with status 0",
                        "sh.2 * stopping", "sh.2 * exited with status 0",
                        "sh   * stopping", "sh   * exited with status 0"}));
}

TEST(RunStop, kills_who_does_not_end_in_time) {
  RunSession session(shell(stubborn, {"--grace", "20ms"}));
  EXPECT_TRUE(session.says("ready"));
  session.signal(SIGTERM);
  const Finish finish = session.finish();
  EXPECT_EQ(finish.status, 128 + SIGTERM);
  EXPECT_TRUE(contains(finish.err, "does not end within 20.0 ms, killed"));
}

TEST(RunStop, kills_at_once_when_asked_a_second_time) {
  RunSession session(shell(stubborn, {"--grace", "1h"}));
  EXPECT_TRUE(session.says("ready"));
  session.signal(SIGINT);
  EXPECT_TRUE(session.reports("stopping"));
  session.signal(SIGINT);
  EXPECT_EQ(session.finish().status, 128 + SIGINT);
}

TEST(RunStop, reaches_the_children_of_commands) {
  if (!has_call(SYS_pidfd_open)) GTEST_SKIP() << "no pidfd_open to see it end with";
  RunSession session(shell("sh -c 'echo $$; exec sleep 1000' & wait"));
  const UniqueFd process = open_process(session.says_a_process());
  ASSERT_TRUE(process);
  session.signal(SIGINT);
  EXPECT_EQ(session.finish().status, 128 + SIGINT);
  EXPECT_TRUE(becomes_readable(process.get())) << "it has ended";
}

TEST(RunStop, forwards_the_signals_that_stop_nothing) {
  RunSession session(
      shell("for s in HUP USR1 USR2; do trap \"echo got $s\" $s; done; echo ready; "
            "while :; do sleep 0.01; done"));
  EXPECT_TRUE(session.says("ready"));
  session.signal(SIGHUP);
  EXPECT_TRUE(session.says("got HUP"));
  session.signal(SIGUSR1);
  EXPECT_TRUE(session.says("got USR1"));
  session.signal(SIGUSR2);
  EXPECT_TRUE(session.says("got USR2"));
  session.signal(SIGTERM);
  EXPECT_EQ(session.finish().status, 128 + SIGTERM);
}

TEST(RunStop, leaves_no_process_behind_when_it_is_killed) {
  if (!has_call(SYS_pidfd_open)) GTEST_SKIP() << "no pidfd_open to see it end with";
  RunSession session(shell("trap '' TERM; echo $$; while :; do read x; done"));
  const UniqueFd process = open_process(session.says_a_process());
  ASSERT_TRUE(process);
  session.signal(SIGKILL);
  EXPECT_TRUE(becomes_readable(process.get())) << "it has ended";
}

TEST(RunRestart, is_on_request_with_longer_and_longer_waits) {
  const Finish finish =
      RunSession(shell("exit 5", {"--restart", "on-failure", "--max-restarts", "3",
                                  "--backoff", "1ms"}))
          .finish();
  EXPECT_EQ(finish.status, 5);
  EXPECT_EQ(count(finish.err, "started, process"), 4u);
  EXPECT_TRUE(contains(finish.err, "starts again in 1.00 ms"));
  EXPECT_TRUE(contains(finish.err, "starts again in 2.00 ms"));
  EXPECT_TRUE(contains(finish.err, "starts again in 4.00 ms"));
  EXPECT_TRUE(contains(finish.err, "restarted 3 times, not again"));
}

TEST(RunRestart, no_delay_is_shorter_than_the_first_one) {
  using namespace std::chrono_literals;
  EXPECT_EQ(cli::next_delay(0s, 31s), 31s);
  EXPECT_EQ(cli::next_delay(31s, 31s), 31s);
  EXPECT_EQ(cli::next_delay(20s, 5s), 30s);
  EXPECT_EQ(cli::next_delay(0s, 0s), 0s);
  EXPECT_EQ(cli::next_delay(500ms, 500ms), 1s);
}

TEST(RunRestart, restarts_a_command_that_ends_with_zero_only_by_always) {
  EXPECT_EQ(count(RunSession(shell("exit 0", {"--restart", "on-failure"})).finish().err,
                  "started, process"),
            1u);
  const Finish finish =
      RunSession(shell("exit 0", {"--restart", "always", "--max-restarts", "2",
                                  "--backoff", "0"}))
          .finish();
  EXPECT_EQ(finish.status, 0);
  EXPECT_EQ(count(finish.err, "started, process"), 3u);
}

TEST(RunRestart, that_waits_is_forgotten_when_all_stop) {
  RunSession session(shell("exit 1", {"--restart", "always", "--backoff", "1h"}));
  EXPECT_TRUE(session.reports("starts again in"));
  session.signal(SIGINT);
  EXPECT_EQ(session.finish().status, 128 + SIGINT);
}

}  // namespace
}  // namespace tornado::test
