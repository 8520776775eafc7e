// SPDX-License-Identifier: Apache-2.0
// What `tornado run` makes of what its commands say.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "support/sanitizers.h"
#include "support/wait.h"
#include "tool/run_session.h"
#include "tornado/platform.h"

namespace tornado::test {
namespace {

using namespace std::string_literals;

TEST(RunOutput, each_stream_stays_what_it_was) {
  const Finish finish =
      RunSession(shell("echo out; echo err >&2; printf unended")).finish();
  EXPECT_EQ(finish.out, "sh | out\nsh | unended\n");
  EXPECT_TRUE(contains(finish.err, "sh | err\n"));
}

TEST(RunOutput, has_the_time_in_front_and_colour_on_a_terminal) {
  const Finish finish = run_tornado({.arguments = {"run", "--quiet", "--", "echo", "a"},
                                     .environment = {{"TERM", "xterm"}},
                                     .terminal_columns = 80});
  EXPECT_TRUE(contains(finish.out, " echo |\x1b[0m a\r\n")) << finish.out;
  EXPECT_EQ(finish.out.find("\x1b[36m"), 0u);
  EXPECT_EQ(finish.out[7], ':') << finish.out;
  const Finish plain =
      run_tornado({.arguments = {"run", "--quiet", "--", "echo", "a"}});
  EXPECT_EQ(plain.out.find('\x1b'), std::string::npos);
  EXPECT_EQ(plain.out[2], ':');
  EXPECT_EQ(plain.err, "");
}

TEST(RunOutput, no_line_is_torn_by_another) {
  const std::string line =
      "for i in $(seq 2000); do printf '%s' aaaaaaaaaa; printf "
      "'%s\\n' bbbbbbbbbb; done";
  const Finish finish = RunSession({"--", "sh", "-c", line, ":::", "sh", "-c", line,
                                    ":::", "sh", "-c", line})
                            .finish();
  std::size_t whole = 0;
  for (const auto& one : lines_of(finish.out)) {
    // A machine that holds up a command for long makes two parts of its line.
    const bool part = one.ends_with(" | aaaaaaaaaa");
    if (one.ends_with("bbbbbbbbbb")) ++whole;
    ASSERT_TRUE(part || one.ends_with(" | aaaaaaaaaabbbbbbbbbb") ||
                one.ends_with(" + bbbbbbbbbb"))
        << one;
  }
  EXPECT_EQ(whole, 6000u);
}

TEST(RunOutput, every_byte_passes) {
  std::string escapes, bytes;
  for (int byte = 0; byte < 256; ++byte) {
    if (byte == '\n') continue;
    char text[8];
    std::snprintf(text, sizeof text, "\\%03o", static_cast<unsigned>(byte));
    escapes += text;
    bytes += static_cast<char>(byte);
  }
  const Finish finish = RunSession({"--", "printf", escapes}).finish();
  EXPECT_EQ(finish.out, "printf | " + bytes + "\n");
}

TEST(RunOutput, a_long_line_comes_in_parts_and_whole) {
  const std::size_t size = 10'000'000;
  const Finish finish =
      RunSession(shell("head -c 10000000 /dev/zero | tr '\\0' x; echo; echo next"))
          .finish();
  const auto lines = lines_of(finish.out);
  ASSERT_GT(lines.size(), 2u);
  EXPECT_EQ(lines.back(), "sh | next");
  std::size_t sum = 0;
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
    EXPECT_TRUE(lines[i].starts_with(i == 0 ? "sh | " : "sh + "));
    EXPECT_LT(lines[i].size(), 90'000u);
    sum += lines[i].size() - 5;
  }
  EXPECT_EQ(sum, size);
}

// The test reads only when every buffer up to the command is full. Then all arrives.
TEST(RunOutput, a_slow_reader_makes_the_command_wait) {
  RunSession session(shell("head -c 10000000 /dev/zero | tr '\\0' '\\n'"));
  EXPECT_TRUE(session.pipe_is_full());
  const Finish finish = session.finish();
  EXPECT_EQ(finish.status, 0);
  EXPECT_EQ(finish.out.size(), 60'000'000u);
  if (!under_address_sanitizer() && !under_thread_sanitizer()) {
    EXPECT_GT(session.most_memory(), 0);
    EXPECT_LT(session.most_memory(), 20 * 1024);
  }
}

TEST(RunOutput, leaves_shared_streams_blocking) {
  FdPair pipe = make_pipe();
  set_nonblocking(pipe.second.get(), false);
  SpawnOptions options;
  options.argv = {TORNADO_COMMAND, "run", "--", "sh", "-c", "echo 1; echo 2"};
  options.in = Stdio::null();
  options.out = options.err = Stdio::descriptor(pipe.second.get());
  Child child = spawn(options);
  EXPECT_TRUE(becomes_readable(pipe.first.get()));
  EXPECT_FALSE(is_nonblocking(pipe.second.get()));
  pipe.second.reset();
  read_to_end(pipe.first.get());
  EXPECT_EQ(wait_child(child), 0);
}

TEST(RunOutput, without_a_reader_ends_the_commands) {
  RunSession session(
      shell("echo first; echo $$ >&2; while echo more; do :; done; sleep 1000"));
  EXPECT_TRUE(session.says("first"));
  session.close_out();
  EXPECT_EQ(session.wait(), 128 + SIGPIPE);
}

TEST(RunOutput, that_blocks_does_not_keep_commands_from_stopping) {
  RunSession session({"--grace", "50ms", "--", "yes"});
  EXPECT_TRUE(session.pipe_is_full());
  session.signal(SIGINT);
  EXPECT_EQ(session.wait(), 128 + SIGINT);
}

TEST(RunOutput, that_is_taken_late_is_whole_however_short_the_grace) {
  RunSession session({"--grace", "1ms", "--", "sh", "-c", "echo $$; exec yes"});
  const int pid = session.says_a_process();
  EXPECT_TRUE(session.pipe_is_full());
  session.signal(SIGINT);
  EXPECT_TRUE(wait_until([pid] { return ::kill(pid, 0) == -1; }));
  const Finish finish = session.finish();
  EXPECT_EQ(finish.status, 128 + SIGINT);
  EXPECT_TRUE(contains(finish.err, "killed by signal")) << finish.err;
}

TEST(RunOutput, of_a_daemon_that_was_left_behind_is_not_waited_for) {
  RunSession session(shell("setsid sh -c 'echo $$; exec sleep 1000' & wait $!"));
  const int pid = session.says_a_process();
  session.signal(SIGTERM);
  EXPECT_EQ(session.finish().status, 128 + SIGTERM);
  EXPECT_EQ(::kill(pid, SIGKILL), 0);
}

TEST(RunOutput, a_prompt_is_shown_before_its_line_ends) {
  const TemporaryFile answer("");
  RunSession session(shell("printf 'Password: '; until [ -s " + answer.path() +
                           " ]; do sleep 0.01; done; echo ok; printf 'Again: '"));
  EXPECT_TRUE(session.says("sh | Password: \n"));
  std::ofstream(answer.path()) << "x";
  EXPECT_EQ(session.finish().out, "sh | Password: \nsh + ok\nsh | Again: \n");
}

TEST(RunOutput, a_prompt_that_only_a_newline_ends_has_no_empty_line_behind_it) {
  const TemporaryFile answer("");
  RunSession session(shell("printf '> '; until [ -s " + answer.path() +
                           " ]; do sleep 0.01; done; echo; echo ok"));
  EXPECT_TRUE(session.says("sh | > \n"));
  std::ofstream(answer.path()) << "x";
  EXPECT_EQ(session.finish().out, "sh | > \nsh | ok\n");
}

TEST(RunOutput, a_long_line_is_cut_between_characters) {
  // Parts end at multiples of what a pipe holds, and three bytes a character are none.
  const Finish finish =
      RunSession(shell("printf x; yes '\u20ac' | head -n 100000 | tr -d '\\n'; echo"))
          .finish();
  const auto lines = lines_of(finish.out);
  EXPECT_GT(lines.size(), 2u);
  for (const auto& line : lines) EXPECT_TRUE(is_utf8(line)) << line.size();
}

TEST(RunOutput, commands_share_no_descriptor) {
  const std::string list = "for fd in /proc/$$/fd/*; do readlink $fd; done; cat";
  const Finish finish =
      RunSession({"--", "sh", "-c", list, ":::", "sh", "-c", list}).finish();
  std::vector<std::string> pipes;
  int inputs = 0;
  for (const auto& line : lines_of(finish.out)) {
    if (contains(line, "/dev/null")) ++inputs;
    if (contains(line, "pipe:")) pipes.push_back(line.substr(line.find("pipe:")));
  }
  EXPECT_EQ(lines_of(finish.out).size(), 6u) << finish.out;
  EXPECT_EQ(inputs, 2);
  std::ranges::sort(pipes);
  EXPECT_EQ(pipes.size(), 4u);
  EXPECT_EQ(std::ranges::adjacent_find(pipes), pipes.end()) << finish.out;
}

}  // namespace
}  // namespace tornado::test
