// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <windows.h>

#include <algorithm>
#include <optional>
#include <random>
#include <thread>

#include "process/exit_wait.h"
#include "process/program_windows.h"
#include "process/reported_windows.h"
#include "process/subprocess_acts.h"
#include "support/open_numbers.h"
#include "support/wait.h"
#include "tornado/ioloop.h"
#include "tornado/subprocess.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;

const Stdio STREAM = Subprocess::STREAM;

SpawnOptions with_streams(std::vector<std::string> arguments) {
  SpawnOptions options = reporter(std::move(arguments));
  options.in = options.out = options.err = STREAM;
  return options;
}

ExitStatus exit_of(Subprocess& child, IOLoop& loop) {
  return loop.run_sync<ExitStatus>(
      [&child](const Completion<ExitStatus>& completion) {
        child.set_exit_callback(
            [completion](ExitStatus status) { completion.set_value(status); });
      },
      patience);
}

/// On every poller, each of which has its own way to wait for the streams.
class EverySubprocess : public testing::TestWithParam<PollerKind> {
 protected:
  IOLoop loop{GetParam()};
};

TEST_P(EverySubprocess, tells_the_loop_of_the_end) {
  Subprocess child(reporter({"exit", "7"}));
  EXPECT_EQ(exit_of(child, loop).returncode, 7);
  EXPECT_EQ(child.returncode(), 7);
  EXPECT_EQ(exit_of(child, loop).returncode, 7) << "also if it has come already";
}

TEST_P(EverySubprocess, has_streams_that_the_loop_waits_for) {
  Subprocess child(with_streams({"copy"}));
  std::string back;
  const auto talk = [&]() -> Task<void> {
    co_await child.in()->write("first");
    back += co_await child.out()->read_bytes(5);
    child.in()->write("second");
    co_await child.in()->flush();
    child.in().reset();  // the end, for the child
    back += co_await child.out()->read_until_close();
  };
  loop.run_sync(talk(), patience);
  EXPECT_EQ(back, "firstsecond");
  EXPECT_EQ(child.wait_for_exit(true, patience), 0);
}

TEST_P(EverySubprocess, communicates_more_than_the_pipes_hold) {
  Subprocess child(with_streams({"copy"}));
  std::string input(2'000'000, 'x');
  for (std::size_t i = 0; i < input.size(); i += 7) input[i] = static_cast<char>(i);
  const Communicated result = child.communicate(input, {.timeout = patience});
  EXPECT_TRUE(result.out == input);
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.status.returncode, 0);
}

TEST_P(EverySubprocess, communicates_with_a_child_that_reads_nothing) {
  Subprocess child(with_streams({"exit", "3"}));
  const Communicated result =
      child.communicate(std::string(1'000'000, 'x'), {.timeout = patience});
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.status.returncode, 3);
}

INSTANTIATE_TEST_SUITE_P(, EverySubprocess, testing::ValuesIn(poller_kinds()),
                         [](const auto& test) {
                           return std::string(to_string(test.param));
                         });

class Subprocesses : public testing::Test {
 protected:
  IOLoop loop;
};

TEST_F(Subprocesses, tell_stdout_and_stderr_apart) {
  Subprocess child(
      {.shell = "echo out& echo err>&2& exit 4", .out = STREAM, .err = STREAM});
  const Communicated result = child.communicate({}, {.timeout = patience});
  EXPECT_EQ(result.out.substr(0, 3), "out");
  EXPECT_EQ(result.err.substr(0, 3), "err");
  EXPECT_EQ(result.status.returncode, 4);
}

TEST_F(Subprocesses, communicate_by_callback) {
  Subprocess child(with_streams({"copy"}));
  expect_communication_by_callback(loop, child);
}

TEST_F(Subprocesses, go_on_communicating_after_a_deadline) {
  Subprocess child(reporter({"sleep"}));
  EXPECT_THROW((void)child.communicate({}, {.timeout = 1ms}), std::system_error);
  EXPECT_TRUE(child.kill());
  EXPECT_EQ(child.communicate({}, {.timeout = patience}).status.returncode,
            -kill_signal);
}

TEST_F(Subprocesses, refuse_input_without_a_pipe) {
  Subprocess child(reporter({"exit", "0"}));
  EXPECT_THROW((void)child.communicate("x", {.timeout = patience}), std::system_error);
  EXPECT_EQ(child.wait_for_exit(true, patience), 0);
}

TEST_F(Subprocesses, that_are_killed_or_terminated_end_by_a_signal) {
  Subprocess killed(reporter({"sleep"}));
  EXPECT_TRUE(killed.kill());
  EXPECT_EQ(killed.wait_for_exit(false, patience), -kill_signal);
  Subprocess terminated(reporter({"sleep"}));
  EXPECT_TRUE(terminated.terminate());
  EXPECT_EQ(terminated.wait_for_exit(false, patience), -terminate_signal);
}

TEST_F(Subprocesses, signal_no_process_after_the_end_was_reported) {
  Subprocess child(reporter({"exit", "0"}));
  EXPECT_EQ(child.wait_for_exit(true, patience), 0);
  EXPECT_FALSE(child.kill());
  EXPECT_FALSE(child.terminate());
}

TEST_F(Subprocesses, throw_the_returncode_unless_told_not_to) {
  Subprocess child(reporter({"exit", "5"}));
  try {
    child.wait_for_exit(true, patience);
    ADD_FAILURE() << "did not throw";
  } catch (const CalledProcessError& error) {
    EXPECT_EQ(error.returncode(), 5);
  }
  EXPECT_EQ(child.wait_for_exit(false, patience), 5);
}

TEST_F(Subprocesses, are_waited_for_no_longer_than_asked) {
  Subprocess child(reporter({"sleep"}));
  expect_no_longer_wait_than_asked(child);
  EXPECT_FALSE(child.returncode());
  EXPECT_TRUE(child.kill());
  EXPECT_EQ(child.wait_for_exit(false, patience), -kill_signal);
}

TEST_F(Subprocesses, refuse_to_be_waited_for_within_a_callback) {
  Subprocess child(reporter({"exit", "0"}));
  expect_no_wait_within_a_callback(loop, child);
}

TEST_F(Subprocesses, may_be_destroyed_in_their_exit_callback) {
  expect_destruction_in_its_exit_callback(loop, reporter({"exit", "0"}));
}

TEST_F(Subprocesses, that_are_destroyed_close_their_pipes_and_run_no_callback) {
  std::optional<Subprocess> child(std::in_place, with_streams({"copy"}));
  child->set_exit_callback([](ExitStatus) { ADD_FAILURE() << "called"; });
  child->communicate("x", [](Communicated) { ADD_FAILURE() << "called"; });
  child.reset();
  Subprocess other(reporter({"exit", "0"}));
  EXPECT_EQ(other.wait_for_exit(true, patience), 0);
}

// Their ends come on threads of the system's pool, and are told on the loop.
TEST_F(Subprocesses, that_end_at_once_are_all_reported) {
  constexpr int count = 10;
  std::vector<Subprocess> children;
  int reported = 0;
  for (int i = 0; i < count; ++i) {
    SpawnOptions options = reporter({"exit", std::to_string(i)});
    children.emplace_back(options);
    children.back().set_exit_callback([&, i](ExitStatus status) {
      EXPECT_FALSE(status.error);
      EXPECT_EQ(status.returncode, i);
      if (++reported == count) loop.stop();
    });
  }
  const TimeoutHandle alarm = loop.call_later(patience, [this] { loop.stop(); });
  loop.start();
  loop.remove_timeout(alarm);
  EXPECT_EQ(reported, count);
}

TEST_F(Subprocesses, leave_no_handle_behind) {
  const auto run = [] {
    Subprocess child(with_streams({"copy"}));
    EXPECT_EQ(child.communicate("x", {.timeout = patience}).out, "x");
  };
  run();  // what Windows and the runtime open once and keep
  DWORD before = 0;
  ::GetProcessHandleCount(::GetCurrentProcess(), &before);
  for (int i = 0; i < 5; ++i) run();
  EXPECT_TRUE(wait_until([before] {  // the pumps' threads end in their own time
    DWORD now = 0;
    ::GetProcessHandleCount(::GetCurrentProcess(), &now);
    return now <= before;
  }));
}

TEST_F(Subprocesses, outlive_a_loop_that_is_closed) {
  std::optional<Subprocess> child;
  {
    IOLoop other(LoopOptions{PollerKind::best, WakerKind::best, false});
    child.emplace(with_streams({"copy"}), other);
    child->communicate("x", [](Communicated) { ADD_FAILURE() << "called"; });
    other.close(true);
  }
  EXPECT_TRUE(child->kill());
  child.reset();
}

TEST_F(Subprocesses, leave_nothing_behind_when_the_loop_cannot_watch_them) {
  IOLoop closed(LoopOptions{PollerKind::best, WakerKind::best, false});
  closed.close();
  try {
    Subprocess child(with_streams({"sleep"}), closed);
    ADD_FAILURE() << "did not throw";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), Errc::loop_closed);
  }
}

TEST_F(Subprocesses, hear_of_ctrl_break_by_a_signal_handler) {
  SpawnOptions options = reporter({"await_break"});
  options.out = STREAM;
  options.process_group = 0;  // so that no other process gets it
  Subprocess child(options);
  ASSERT_TRUE(becomes_readable(child.out()->fileno()));
  const bool sent =
      ::GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, static_cast<DWORD>(child.pid()));
  const DWORD error = ::GetLastError();
  if (!sent) child.kill();
  const int returncode = child.wait_for_exit(false, patience);
  if (!sent) GTEST_SKIP() << "no console here: error " << error;
  EXPECT_EQ(returncode, 68);
}

std::vector<std::string> nasty_arguments() {
  return {"",
          " ",
          "\"",
          "\\",
          "\\\\",
          "\\\"",
          "\\\\\"",
          "\"\"",
          "\" \"",
          "a\\",
          "a b\\",
          "a b\\\\",
          "\"a b\"",
          "a\"b\"c",
          "\"\\",
          "& calc",
          "%PATH%",
          "!x!",
          "^",
          "^\"",
          "|",
          "<in>out",
          "*",
          "?.txt",
          "'a b'",
          "`x`",
          "$(x)",
          "a\tb",
          "a\nb",
          "a\r\nb",
          "\x7f\x01",
          "--",
          "/c",
          "@file",
          "\xc3\xa4\xe2\x82\xac\xf0\x9f\x8c\xaa",
          std::string(5000, '"')};
}

TEST_F(Subprocesses, get_nasty_arguments_as_they_are) {
  std::vector<std::vector<std::string>> lists = {nasty_arguments()};
  std::vector<std::string> backwards = nasty_arguments();
  std::reverse(backwards.begin(), backwards.end());
  lists.push_back(backwards);
  for (const char* last : {"", "\"", "a\\", "a b\\"}) lists.push_back({last});
  for (const auto& list : lists) {
    SpawnOptions options;
    options.argv = list;
    const Reported report = report_of(options);
    std::vector<std::wstring> expected;
    for (const std::string& argument : list) {
      expected.push_back(to_wide(argument, "test"));
    }
    for (const auto& told : {report.runtime_arguments, report.system_arguments}) {
      ASSERT_EQ(told.size(), expected.size() + 2);
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), told.begin() + 2))
          << list.front();
    }
  }
}

// Before anything is looked for.
TEST_F(Subprocesses, that_are_batch_files_are_refused_by_all_their_names) {
  for (const char* name : {"x.bat", "x.BAT", "x.cmd", "x.bat.", "x.bat ", "x.cmd. . ",
                           ".\\x.bat...", "C:\\dir\\x.CmD "}) {
    try {
      Subprocess child({.argv = {name, "\"&calc"}});
      ADD_FAILURE() << name << " was run";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::invalid_argument) << name;
      EXPECT_NE(std::string(error.what()).find("batch file"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace tornado::test
