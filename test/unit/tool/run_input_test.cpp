// SPDX-License-Identifier: Apache-2.0
// What `tornado run` is told: Procfiles, commands and options.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "tool/run_session.h"
#include "tornado/fd.h"

namespace tornado::test {
namespace {

using namespace std::string_literals;

Finish run_file(std::string_view text) {
  const TemporaryFile file(text);
  return RunSession({file.path()}).finish();
}

std::vector<std::string> sorted_lines(const std::string& text) {
  auto lines = lines_of(text);
  std::ranges::sort(lines);
  return lines;
}

TEST(RunInput, each_line_of_a_procfile_is_for_the_shell) {
  const Finish finish = run_file(
      "# two of them\r\n\n"
      "web: echo \"$((40 + 2))\" a: b\r\n"
      "  the-worker_1.x :   echo one; echo two >&2   \n"
      "   # and no more");
  EXPECT_EQ(finish.status, 0) << finish.err;
  EXPECT_EQ(sorted_lines(finish.out),
            (std::vector{"the-worker_1.x | one"s, "web            | 42 a: b"s}));
  EXPECT_TRUE(contains(finish.err, "the-worker_1.x | two\n"));
  EXPECT_TRUE(contains(finish.err, "web            * exited with status 0\n"));
}

TEST(RunInput, a_byte_order_mark_is_no_part_of_the_first_name) {
  EXPECT_EQ(run_file("\xef\xbb\xbfweb: echo 1\n").out, "web | 1\n");
}

TEST(RunInput, a_program_in_place_of_a_procfile_is_named_with_the_dashes_to_add) {
  const Finish program = RunSession({"/bin/sh"}).finish();
  EXPECT_EQ(program.status, 2);
  EXPECT_EQ(lines_of(program.err).front(),
            "tornado run: /bin/sh: a program, not a Procfile; a command stands behind "
            "dashes: tornado run -- /bin/sh");
  const TemporaryFile script("#!/bin/sh\necho 1\n");
  ASSERT_EQ(::chmod(script.path().c_str(), 0700), 0);
  EXPECT_TRUE(contains(RunSession({script.path()}).finish().err,
                       "tornado run -- " + script.path()));
  EXPECT_TRUE(contains(RunSession({"sleep", "5"}).finish().err, "run -- sleep 5"));
  EXPECT_TRUE(contains(RunSession({"./x", "--port=1"}).finish().err,
                       "--port: no such option; the options of a command to run "
                       "stand behind --"));
}

TEST(RunInput, a_file_without_an_end_is_refused) {
  const Finish finish = RunSession({"/dev/zero"}).finish();
  EXPECT_EQ(finish.status, 2);
  EXPECT_TRUE(contains(finish.err, "/dev/zero: more than 1 MiB, not a Procfile"));
}

TEST(RunInput, a_procfile_comes_from_a_pipe_whose_writer_takes_its_time) {
  const TemporaryFile name("");
  const std::string path = name.path() + ".fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::thread writer([&path] {
    const UniqueFd pipe(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    for (const std::string_view part : {"one: ", "echo 1", "\ntwo: echo 2\n"}) {
      EXPECT_EQ(::write(pipe.get(), part.data(), part.size()),
                static_cast<ssize_t>(part.size()));
    }
  });
  const Finish finish = RunSession({path}).finish();
  {
    // Ends a writer whose output was not read.
    const UniqueFd reader = open_file(path.c_str(), O_RDONLY);
    writer.join();
  }
  ::unlink(path.c_str());
  EXPECT_EQ(finish.status, 0) << finish.err;
  EXPECT_EQ(sorted_lines(finish.out), (std::vector{"one | 1"s, "two | 2"s}));
}

TEST(RunInput, the_procfile_of_the_directory_is_the_default) {
  const Finish finish = run_tornado({.arguments = {"run"}, .before_exec = [] {
                                       if (::chdir("/proc") != 0) ::_exit(99);
                                     }});
  EXPECT_EQ(finish.status, 2);
  EXPECT_TRUE(contains(finish.err, "tornado run: Procfile: No such file"))
      << finish.err;
}

TEST(RunInput, a_bad_procfile_is_refused_with_the_line_before_anything_runs) {
  struct Bad {
    std::string text;
    std::string message;
  };
  const std::string nul(1, '\0');
  for (const auto& [text, message] : std::vector<Bad>{
           {"ok: echo started\nweb\n", "line 2: web: not \"name: command\""},
           {"ok: echo started\n\n: x", "line 3: : not a name"},
           {"a b: x", "line 1: a b: not a name of letters"},
           {"ok: echo started\nweb:  \n", "line 2: web: no command"},
           {"ok: echo started\n#\nok: y\n", "line 3: ok: named twice"},
           {"ok: a" + nul + "b\n", "line 1: ok: a NUL byte in the command"},
           {"# nothing\n\n", "no commands in it"},
           {"", "no commands in it"}}) {
    const Finish finish = run_file(text);
    EXPECT_EQ(finish.status, 2) << text;
    EXPECT_TRUE(contains(finish.err, message)) << finish.err;
    EXPECT_EQ(finish.out, "");
    EXPECT_FALSE(contains(finish.err, "started, process"));
  }
}

TEST(RunInput, commands_stand_behind_dashes_with_colons_between) {
  const Finish finish =
      RunSession({"--", "printf", "%s|%s\\n", "a b", "--", ":::", "/bin/echo", "-x",
                  "$HOME", ":::", "echo", "2"})
          .finish();
  EXPECT_EQ(finish.status, 0) << finish.err;
  EXPECT_EQ(sorted_lines(finish.out),
            (std::vector{"echo   | -x $HOME"s, "echo.2 | 2"s, "printf | a b|--"s}));
}

TEST(RunInput, bad_words_are_refused_before_anything_runs) {
  struct Bad {
    std::vector<std::string> words;
    std::string message;
  };
  for (const auto& [words, message] : std::vector<Bad>{
           {{"/no/such/file"}, "/no/such/file: No such file or directory"},
           {{"/"}, "/: Is a directory"},
           {{"a", "b"}, "b: one Procfile is enough"},
           {{"a", "--", "true"}, "either a Procfile, or commands after --"},
           {{"--", ":::", "true"}, "\":::\" stands between two commands"},
           {{"--", "true", ":::"}, "\":::\" stands between two commands"},
           {{"--"}, "--: a command to run is missing"},
           {{"--restart", "often", "--", "true"}, "--restart often: no such choice"},
           {{"--grace", "soon", "--", "true"}, "--grace soon: not a time"},
           {{"--backoff=-1s", "--", "true"}, "--backoff -1s: not a time"},
           {{"--max-restarts", "1x", "--", "true"}, "--max-restarts 1x: not a number"},
           {{"--json", "--", "true"}, "--json: run writes what its commands write"}}) {
    const Finish finish = RunSession(words).finish();
    EXPECT_EQ(finish.status, 2) << message;
    EXPECT_TRUE(contains(finish.err, message)) << finish.err;
    EXPECT_FALSE(contains(finish.err, "started, process"));
  }
}

}  // namespace
}  // namespace tornado::test
