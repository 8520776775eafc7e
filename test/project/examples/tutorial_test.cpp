// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "client.h"
#include "program.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

/// Sends `lines`, and gives as many lines of the answer as `answers`.
std::string talk(NativeFd client, const std::string& lines, std::size_t answers) {
  EXPECT_EQ(::send(client, lines.data(), lines.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(lines.size()));
  std::string answer;
  while (answers > 0 && becomes_readable(client)) {
    char c;
    if (::recv(client, &c, 1, 0) != 1) break;
    answer += c;
    answers -= c == '\n';
  }
  return answer;
}

void expect_end(Program& program, const std::string& output) {
  const Ending ending = program.wait();
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_EQ(ending.output, output);
  EXPECT_EQ(ending.errors, "");
}

TEST(Tutorial, step_1_counts_down_and_stops) {
  Program program("tutorial_1_loop");
  expect_end(program, "3\n2\n1\nstopped\n");
}

TEST(Tutorial, step_2_sends_lines_back) {
  Program program("tutorial_2_server");
  const UniqueFd client = connect_to(port_of(program));
  EXPECT_EQ(talk(client.get(), "one\ntwo\n", 2), "one\ntwo\n");
  EXPECT_EQ(talk(client.get(), "quit\n", 0), "");
  expect_end(program, "");
}

TEST(Tutorial, step_3_answers_from_a_thread) {
  Program program("tutorial_3_threads");
  const UniqueFd client = connect_to(port_of(program));
  EXPECT_EQ(talk(client.get(), "100\n1000\n", 2), "25\n168\n");
  EXPECT_EQ(talk(client.get(), "quit\n", 0), "");
  expect_end(program, "");
}

TEST(Tutorial, step_4_answers_from_a_child) {
  Program program("tutorial_4_children");
  const UniqueFd client = connect_to(port_of(program));
  EXPECT_EQ(talk(client.get(), "hello\n", 1), "HELLO\n");
  EXPECT_EQ(talk(client.get(), "quit\n", 0), "");
  expect_end(program, "");
}

TEST(Tutorial, step_5_stops_on_SIGTERM_after_its_answers) {
  Program program("tutorial_5_stop");
  const UniqueFd client = connect_to(port_of(program));
  EXPECT_EQ(talk(client.get(), "hello\n", 1), "HELLO\n");
  program.send(SIGTERM);
  expect_end(program, "answered 1 lines\n");
}

TEST(Tutorial, step_6_sends_lines_back_to_each_client) {
  Program program("tutorial_6_tasks");
  const std::uint16_t port = port_of(program);
  const UniqueFd one = connect_to(port);
  const UniqueFd other = connect_to(port);
  EXPECT_EQ(talk(one.get(), "one\ntwo\n", 2), "one\ntwo\n");
  EXPECT_EQ(talk(other.get(), "three\n", 1), "three\n");
  EXPECT_EQ(talk(one.get(), "quit\n", 0), "");
  expect_end(program, "");
}

void expect_answers_and_an_end(const std::string& name) {
  Program program(name);
  const std::uint16_t port = port_of(program);
  {
    const UniqueFd gone = connect_to(port);
    EXPECT_EQ(talk(gone.get(), "100\n", 1), "25\n");
  }
  const UniqueFd client = connect_to(port);
  EXPECT_EQ(talk(client.get(), "1000\n", 1), "168\n");
  program.send(SIGTERM);
  expect_end(program, "the last clients were cut off\nanswered 2 lines\n");
}

TEST(Tutorial, step_7_answers_from_threads_and_cuts_the_last_clients_off) {
  expect_answers_and_an_end("tutorial_7_deadlines");
}

TEST(Tutorial, step_8_does_so_on_streams) {
  expect_answers_and_an_end("tutorial_8_streams");
}

}  // namespace
}  // namespace tornado::test
