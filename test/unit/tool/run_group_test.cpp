// SPDX-License-Identifier: Apache-2.0
// What `tornado run` does with the processes that its commands start.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "support/deny.h"
#include "support/wait.h"
#include "tool/run_session.h"

namespace tornado::test {
namespace {

bool is_gone(int pid) {
  return ::kill(pid, 0) == -1;
}

// 'R', 'S', 'T' and so on; 0 if there is no such process.
char state_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const auto end = text.rfind(')');
  return end == std::string::npos || end + 2 >= text.size() ? '\0' : text[end + 2];
}

TEST(RunGroup, a_simple_line_replaces_the_shell) {
  for (const char* line :
       {"sh -c 'echo $PPID'", "  sh -c 'echo $PPID' 2>&1", "exec sh -c 'echo $PPID'",
        "A=1 B='x y;' sh -c 'echo $PPID'", "/bin/sh -c \"echo \\$PPID\" </dev/null",
        "sh -c 'echo $PPID' \"$HOME\" ${HOME} a\\;b"}) {
    const TemporaryFile file(std::string("web: ") + line + "\n");
    RunSession session({file.path()});
    EXPECT_EQ(session.says_a_process(), session.pid()) << line;
    EXPECT_EQ(session.finish().status, 0) << line;
  }
}

TEST(RunGroup, any_other_line_means_what_it_means_to_the_shell) {
  struct Line {
    std::string text;
    std::string out;
    int status = 0;
  };
  for (const auto& [text, out, status] :
       std::vector<Line>{{"true && echo two", "w | two\n"},
                         {"false || echo other", "w | other\n"},
                         {"cd / && pwd", "w | /\n"},
                         {"cd /", ""},
                         {"echo a; echo b", "w | a\nw | b\n"},
                         {"(echo sub)", "w | sub\n"},
                         {"{ echo brace; }", "w | brace\n"},
                         {"if true; then echo yes; fi", "w | yes\n"},
                         {"! false", ""},
                         {"x=$(echo hi); echo \"$x\"", "w | hi\n"},
                         {"echo $(echo substituted)", "w | substituted\n"},
                         {"echo \"`echo backquoted`\"", "w | backquoted\n"},
                         {"cat /dev/null | wc -c", "w | 0\n"},
                         {"A=1", ""},
                         {"A=5 sh -c 'echo $A'", "w | 5\n"},
                         {"cat <<X", "", 0},
                         {"exit 3", "", 3},
                         {"trap 'echo trapped' EXIT", "w | trapped\n"},
                         {"sh -c 'exit 4' # a comment", "", 4},
                         {"sh -c 'unterminated", "", 2},
                         {"no-such-program", "", 127}}) {
    const TemporaryFile file("w: " + text + "\n");
    const Finish finish = RunSession({file.path()}).finish();
    EXPECT_EQ(finish.out, out) << text;
    EXPECT_EQ(finish.status, status) << text << finish.err;
  }
}

TEST(RunGroup, a_server_behind_a_shell_may_use_its_grace) {
  const TemporaryFile file(
      "web: sh -c 'trap \"echo draining; sleep 0.3; echo drained; exit 0\" TERM; "
      "echo ready; while :; do sleep 0.01; done'; true\n");
  RunSession session({file.path()});
  EXPECT_TRUE(session.says("ready"));
  session.signal(SIGTERM);
  const Finish finish = session.finish();
  EXPECT_EQ(finish.status, 128 + SIGTERM);
  EXPECT_TRUE(contains(finish.out, "web | drained")) << finish.out << finish.err;
}

TEST(RunGroup, a_deaf_server_behind_a_shell_is_killed_after_the_grace) {
  const TemporaryFile file(
      "web: sh -c 'trap \"\" TERM; echo $$; while :; do sleep 0.01; done'; true\n");
  RunSession session({"--grace", "20ms", file.path()});
  const int pid = session.says_a_process();
  session.signal(SIGTERM);
  const Finish finish = session.finish();
  EXPECT_EQ(finish.status, 128 + SIGTERM);
  EXPECT_TRUE(contains(finish.err, "does not end within 20.0 ms, killed"));
  EXPECT_TRUE(wait_until([pid] { return is_gone(pid); }));
}

TEST(RunGroup, a_second_interrupt_kills_the_server_behind_a_shell) {
  const TemporaryFile file(
      "web: sh -c 'trap \"\" INT TERM; echo $$; while :; do sleep 0.01; done'; true\n");
  RunSession session({"--grace", "1h", file.path()});
  const int pid = session.says_a_process();
  session.signal(SIGINT);
  EXPECT_TRUE(session.reports("stopping"));
  session.signal(SIGINT);
  EXPECT_EQ(session.finish().status, 128 + SIGINT);
  EXPECT_TRUE(wait_until([pid] { return is_gone(pid); }));
}

TEST(RunGroup, processes_left_behind_are_stopped_and_awaited) {
  RunSession session({"--", "sh", "-c",
                      "sh -c 'trap \"sleep 0.2; echo late >&2; exit\" TERM; echo $$; "
                      "exec >&-; while :; do sleep 0.01; done' & sleep 0.2"});
  const int pid = session.says_a_process();
  const Finish finish = session.finish();
  EXPECT_EQ(finish.status, 0);
  EXPECT_TRUE(contains(finish.err, "has left processes behind, stopping them"));
  EXPECT_TRUE(contains(finish.err, "sh | late")) << finish.err;
  EXPECT_TRUE(is_gone(pid));
}

TEST(RunGroup, a_restart_waits_until_the_processes_left_behind_have_ended) {
  const Finish finish =
      RunSession({"--grace", "20ms", "--restart", "always", "--max-restarts", "1",
                  "--backoff", "0", "--", "sh", "-c",
                  "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 0.01; done' & "
                  "sleep 0.2"})
          .finish();
  const auto killed = finish.err.find("does not end within 20.0 ms, killed");
  ASSERT_NE(killed, std::string::npos) << finish.err;
  EXPECT_NE(finish.err.find("started, process", killed), std::string::npos);
  for (const auto& line : lines_of(finish.out)) {
    EXPECT_TRUE(is_gone(std::stoi(line.substr(line.find('|') + 2)))) << line;
  }
}

TEST(RunGroup, a_command_that_may_not_be_signalled_is_not_said_to_be_killed) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  RunSession session({"--grace", "1h", "--", "sh", "-c", "echo $$; sleep 1000"}, [] {
    if (!deny({{SYS_kill, EPERM}})) ::_exit(99);
  });
  session.says_a_process();
  session.signal(SIGTERM);
  const Finish finish = session.finish();
  EXPECT_EQ(finish.status, 128 + SIGTERM);
  EXPECT_TRUE(
      contains(finish.err, "cannot be stopped: Operation not permitted; left running"))
      << finish.err;
  EXPECT_FALSE(contains(finish.err, "killed")) << finish.err;
}

TEST(RunGroup, a_signal_that_the_caller_blocked_stops_the_commands) {
  RunSession session({"--", "sh", "-c", "echo ready; sleep 1000"}, [] {
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
  });
  EXPECT_TRUE(session.says("ready"));
  session.signal(SIGTERM);
  EXPECT_EQ(session.finish().status, 128 + SIGTERM);
}

// A daemon that has left its session, and whose end its parent does not see.
const std::string makes_an_orphan =
    "pid=$( (setsid sh -c 'echo $$; exec >&-; exec sleep 0.01' &) ); "
    "while kill -0 $pid 2>/dev/null; do sleep 0.01; done; echo reaped";

TEST(RunGroup, an_orphan_is_reaped) {
  EXPECT_EQ(RunSession({"--", "sh", "-c", makes_an_orphan}).finish().out,
            "sh | reaped\n");
}

TEST(RunGroup, an_orphan_is_reaped_by_process_1) {
  RunSession session({"--", "sh", "-c", "echo $PPID; " + makes_an_orphan}, [] {
    if (::unshare(CLONE_NEWPID) != 0) ::_exit(98);
    const pid_t pid = ::fork();
    if (pid == 0) return;  // process 1 there
    int status = 0;
    ::waitpid(pid, &status, 0);
    ::_exit(WEXITSTATUS(status));
  });
  const Finish finish = session.finish();
  if (finish.status == 98) GTEST_SKIP() << "no PID namespaces here";
  EXPECT_EQ(finish.out, "sh | 1\nsh | reaped\n") << finish.err;
  EXPECT_EQ(finish.status, 0);
}

// A shell with job control starts the command in the foreground of a terminal.
// The command does not fork: a parent in vfork does not stop before its child executes.
TEST(RunTerminal, ctrl_z_stops_the_commands_until_the_shell_continues_them) {
  const std::string command = TORNADO_COMMAND;
  TerminalSession session(
      {"/bin/sh", "-m", "-c",
       command + " run --no-time -- sh -c 'echo $$; echo ready; exec sleep 1000'; "
                 "echo back; read x; fg; echo over $?"});
  ASSERT_TRUE(session.shows("sh | ready")) << session.shown();
  const int pid = std::stoi(session.shown().substr(session.shown().find("sh | ") + 5));
  session.type("\x1a");
  ASSERT_TRUE(session.shows("back")) << session.shown();
  EXPECT_TRUE(wait_until([pid] { return state_of(pid) == 'T'; })) << state_of(pid);
  session.type("\n");
  EXPECT_TRUE(wait_until([pid] { return state_of(pid) != 'T'; }));
  session.type("\x03");
  EXPECT_TRUE(session.shows("over 130")) << session.shown();
}

TEST(RunTerminal, a_command_that_reads_the_terminal_is_announced) {
  TerminalSession session(
      {TORNADO_COMMAND, "run", "--no-time", "--", "sh", "-c", "read x </dev/tty"});
  EXPECT_TRUE(
      session.shows("stopped by signal 21 (Stopped (tty input)): it reads the "
                    "terminal"))
      << session.shown();
  session.type("\x03");
  EXPECT_EQ(session.finish(), 130) << session.shown();
}

}  // namespace
}  // namespace tornado::test
