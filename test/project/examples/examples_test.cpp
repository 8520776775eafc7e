// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <string>

#include "program.h"
#include "tornado/platform.h"

namespace tornado::test {
namespace {

void expect_output(const std::string& name, const std::string& output,
                   NativeFd input = invalid_fd) {
  const Ending ending = Program(name, input).wait();
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_EQ(ending.output, output);
  EXPECT_EQ(ending.errors, "");
}

TEST(Examples, hello_is_woken_by_a_thread) {
  expect_output("hello", "hello from the loop's own thread\n");
}

TEST(Examples, wake_from_threads_loses_no_result) {
  expect_output("wake_from_threads",
                "400 results from 4 threads, sum 500000500000\n"
                "a post to the closed loop: refused\n");
}

TEST(Examples, periodic_work_skips_what_it_missed) {
  expect_output("periodic_work", "5 ticks in the time of 8 or more, 0 early\n");
}

TEST(Examples, retry_gives_the_price_of_the_third_attempt) {
  expect_output("retry", "attempt 1: busy\nattempt 2: busy\nprice 70\n");
}

TEST(Examples, worker_pool_loses_no_item) {
  expect_output("worker_pool", "sum 385\n");
}

TEST(Examples, graceful_shutdown_ends_jobs_until_a_deadline) {
  Program program("graceful_shutdown");
  EXPECT_EQ(program.line(), "process " + std::to_string(program.pid()) + " works");
  EXPECT_EQ(program.line(), "short job finished");
  program.send(SIGTERM);
  const Ending ending = program.wait();
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_EQ(ending.output, "signal 15\nlong job cleaned up\ndeadline: timed out\n");
}

TEST(Examples, supervisor_starts_children_again_and_ends_them) {
  Program program("supervisor");
  EXPECT_EQ(program.line(), "exit 3 ended: 3");
  EXPECT_EQ(program.line(), "exit 3 ended: 3");
  program.send(SIGTERM);
  const Ending ending = program.wait();
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_TRUE(ending.output.ends_with("all have ended\n")) << ending.output;
}

TEST(Examples, descriptors_tells_what_each_flag_belongs_to) {
  expect_output("descriptors",
                "made by the library: close-on-exec yes, non-blocking yes\n"
                "made elsewhere, then marked: close-on-exec yes\n"
                "its twin after set_nonblocking(false): non-blocking no\n"
                "within a NonblockingScope: non-blocking yes\n"
                "after it: non-blocking no\n"
                "a bad descriptor: EBADF\n");
}

TEST(Examples, fork_gives_the_child_a_loop_of_its_own) {
  expect_output("fork",
                "child: refused\n"
                "child: on my own loop\n"
                "parent: on my own loop\n");
}

TEST(Examples, children_get_what_they_are_given) {
  expect_output("children",
                "apple\nfig\npear\n"
                "the child has the forgotten descriptor: no\n"
                "exec /no/such/program: No such file or directory\n");
}

TEST(Examples, simulated_time_takes_none) {
  expect_output("simulated_time",
                "6 attempts in 31 hours\n"
                "a loop that nothing can stop: deadlock\n"
                "a seed that loses an update loses it always\n");
}

TEST(Examples, simulated_network_repeats_its_faults) {
  expect_output("simulated_network",
                "an answer takes 0.085 s\n"
                "without a network for a minute: 60.085 s\n"
                "some of 100 bad networks cost a second, and do so again\n");
}

TEST(Examples, inherited_stdin_leaves_a_shared_pipe_blocking) {
  FdPair pipe = make_pipe();
  set_nonblocking(pipe.first.get(), false);
  const std::string text = "one\ntwo\nthree\n";
  ASSERT_EQ(::write(pipe.second.get(), text.data(), text.size()),
            static_cast<ssize_t>(text.size()));
  pipe.second.reset();
  expect_output("inherited_stdin", "3 lines\n", pipe.first.get());
  EXPECT_FALSE(is_nonblocking(pipe.first.get()));
}

TEST(Examples, inherited_stdin_reads_files_too) {
  const UniqueFd file = open_file("/dev/null", O_RDONLY);
  expect_output("inherited_stdin", "0 lines\n", file.get());
}

TEST(Examples, signals_become_callbacks) {
  Program program("signals");
  EXPECT_EQ(program.line(),
            "process " + std::to_string(program.pid()) + " waits for signals");
  program.send(SIGHUP);
  EXPECT_EQ(program.line(), "reload 1");
  program.send(SIGUSR1);
  EXPECT_EQ(program.line(), "poked");
  program.send(SIGTERM);
  const Ending ending = program.wait();
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_EQ(ending.output, "ended by signal " + std::to_string(SIGTERM) + "\n");
}

}  // namespace
}  // namespace tornado::test
