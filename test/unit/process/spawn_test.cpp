// SPDX-License-Identifier: Apache-2.0
#include "tornado/spawn.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>

#include "process/reported.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/limits.h"
#include "support/signals.h"
#include "tornado/platform.h"

namespace tornado::test {
namespace {

const std::vector<int> streams_only = {0, 1, 2};

TEST(Spawn, finds_programs_where_the_environment_has_no_PATH) {
  SpawnOptions options{.argv = {"true"}};
  options.environment.emplace();
  Child child = spawn(options);
  EXPECT_EQ(wait_child(child), 0);
  options.environment = {{{"PATHS", "/nowhere"}}};
  child = spawn(options);
  EXPECT_EQ(wait_child(child), 0);
}

TEST(Spawn, gives_the_three_streams_and_nothing_else) {
  UniqueFd unmarked = make_pipe().first;
  set_close_exec(unmarked.get(), false);
  EXPECT_EQ(report_of({}).numbers(), streams_only);
}

TEST(Spawn, passes_arguments_as_they_are) {
  const Reported report = report_of({.argv = {"", "a b", "\"quoted\" $HOME *"}});
  EXPECT_EQ(report.arguments,
            (std::vector<std::string>{"", "a b", "\"quoted\" $HOME *"}));
}

TEST(Spawn, gives_the_returncode_of_a_shell_line) {
  Child child = spawn({.shell = "exit 7"});
  EXPECT_EQ(wait_child(child), 7);
  child = spawn({.shell = "kill -9 $$"});
  EXPECT_EQ(wait_child(child), -9);
}

TEST(Spawn, clears_the_error_of_one_that_failed_before) {
  std::error_code error = std::make_error_code(std::errc::io_error);
  Child child = spawn({.argv = {"true"}}, error);
  EXPECT_FALSE(error);
  EXPECT_EQ(wait_child(child), 0);
}

TEST(Spawn, knows_no_child_any_more_once_it_was_waited_for) {
  Child child = spawn({.argv = {"true"}});
  EXPECT_EQ(wait_child(child), 0);
  EXPECT_EQ(child.pid, -1);
  EXPECT_FALSE(child.process);
  EXPECT_THROW((void)wait_child(child), std::system_error);
}

TEST(Spawn, executes_another_file_than_argv_0_names) {
  Child child = spawn({.argv = {"my name", "-c", "echo $0"},
                       .executable = "/bin/sh",
                       .out = Stdio::pipe()});
  EXPECT_EQ(read_to_end(child.out.get()), "my name\n");
  EXPECT_EQ(wait_child(child), 0);
}

TEST(Spawn, looks_in_the_path_of_the_child) {
  const std::string directory =
      std::filesystem::path(child_reporter_path()).parent_path();
  const std::string name = std::filesystem::path(child_reporter_path()).filename();
  Child child = spawn({.argv = {name, "1"},
                       .environment = {{{"PATH", "/nowhere:" + directory}}},
                       .out = Stdio::pipe()});
  EXPECT_NE(read_to_end(child.out.get()).find("env PATH=/nowhere:"), std::string::npos);
  EXPECT_EQ(wait_child(child), 0);
}

TEST(Spawn, takes_an_empty_entry_of_the_path_for_the_working_directory) {
  const std::filesystem::path reporter = child_reporter_path();
  Child child = spawn({.argv = {reporter.filename(), "1"},
                       .environment_changes = {{"PATH", ":/nowhere"}},
                       .cwd = reporter.parent_path(),
                       .out = Stdio::pipe()});
  EXPECT_NE(read_to_end(child.out.get()).find("env PATH=:/nowhere\n"),
            std::string::npos);
  EXPECT_EQ(wait_child(child), 0);
}

TEST(Spawn, hands_the_environment_over) {
  ::setenv("TORNADO_TEST_VARIABLE", "mine", 1);
  EXPECT_EQ(report_of({}).environment.at("TORNADO_TEST_VARIABLE"), "mine");
}

TEST(Spawn, replaces_the_environment) {
  const Reported report = report_of({.environment = {{{"A", "1"}, {"B", ""}}}});
  EXPECT_EQ(report.environment,
            (std::map<std::string, std::string>{{"A", "1"}, {"B", ""}}));
}

TEST(Spawn, changes_the_environment) {
  ::setenv("TORNADO_TEST_KEPT", "kept", 1);
  ::setenv("Q", "a=b", 1);  // a name as short as can be
  ::setenv("TORNADO_TEST_CHANGED", "old", 1);
  ::setenv("TORNADO_TEST_REMOVED", "x", 1);
  const auto environment =
      report_of({.environment_changes = {{"TORNADO_TEST_CHANGED", "new"},
                                         {"TORNADO_TEST_ADDED", "a=b"},
                                         {"TORNADO_TEST_REMOVED", std::nullopt},
                                         {"Q", std::nullopt}}})
          .environment;
  EXPECT_EQ(environment.at("TORNADO_TEST_KEPT"), "kept");
  EXPECT_EQ(environment.count("Q"), 0u);
  EXPECT_EQ(environment.at("TORNADO_TEST_CHANGED"), "new");
  EXPECT_EQ(environment.at("TORNADO_TEST_ADDED"), "a=b");
  EXPECT_EQ(environment.count("TORNADO_TEST_REMOVED"), 0u);
}

TEST(Spawn, passes_over_what_is_no_variable_when_it_changes_the_environment) {
  EXPECT_TRUE(passes_in_child([] {
    std::string variable = "TORNADO_TEST_KEPT=kept", none = "TORNADO_TEST_NONE";
    std::vector<char*> mine = {none.data(), variable.data()};
    for (char** entry = environ; *entry; ++entry) mine.push_back(*entry);
    mine.push_back(nullptr);
    environ = mine.data();
    const auto environment =
        report_of({.environment_changes = {{"TORNADO_TEST_ADDED", "new"}}}).environment;
    EXPECT_EQ(environment.at("TORNADO_TEST_KEPT"), "kept");
    EXPECT_EQ(environment.at("TORNADO_TEST_ADDED"), "new");
    EXPECT_EQ(environment.count("TORNADO_TEST_NONE"), 0u);
  }));
}

TEST(Spawn, gives_a_child_of_a_process_without_environment_none) {
  EXPECT_TRUE(passes_in_child([] {
    ::clearenv();
    EXPECT_EQ(report_of({}).environment.count("PATH"), 0u);
    const auto environment =
        report_of({.environment_changes = {{"TORNADO_TEST_ADDED", "new"}}}).environment;
    EXPECT_EQ(environment.at("TORNADO_TEST_ADDED"), "new");
    EXPECT_EQ(environment.count("PATH"), 0u);
  }));
}

TEST(Spawn, sets_the_working_directory) {
  EXPECT_EQ(report_of({.cwd = "/usr"}).values.at("cwd"), "/usr");
}

TEST(Spawn, makes_a_session) {
  const auto values = report_of({.new_session = true}).values;
  EXPECT_EQ(values.at("sid"), values.at("pid"));
  EXPECT_EQ(values.at("pgid"), values.at("pid"));
}

TEST(Spawn, makes_and_joins_a_process_group) {
  Child leader = spawn({.argv = {"cat"}, .in = Stdio::pipe(), .process_group = 0});
  const auto values = report_of({.process_group = leader.pid}).values;
  EXPECT_EQ(values.at("pgid"), std::to_string(leader.pid));
  EXPECT_NE(values.at("pid"), std::to_string(leader.pid));
  leader.in.reset();
  EXPECT_EQ(wait_child(leader), 0);
}

TEST(Spawn, leaves_session_and_group_alone_unless_asked) {
  const auto values = report_of({}).values;
  EXPECT_EQ(values.at("sid"), std::to_string(::getsid(0)));
  EXPECT_EQ(values.at("pgid"), std::to_string(::getpgid(0)));
}

TEST(Spawn, adds_to_the_niceness_of_this_process) {
  EXPECT_TRUE(passes_in_child([] {
    errno = 0;
    const int nice = ::nice(2);
    ASSERT_EQ(errno, 0);
    EXPECT_EQ(report_of({.nice = 1}).values.at("nice"), std::to_string(nice + 1));
    EXPECT_EQ(report_of({}).values.at("nice"), std::to_string(nice));
    EXPECT_EQ(::getpriority(PRIO_PROCESS, 0), nice);
  }));
}

TEST(Spawn, sets_umask_and_nice) {
  const auto values = report_of({.umask = 027, .nice = 3}).values;
  EXPECT_EQ(values.at("umask"), std::to_string(027));
  EXPECT_EQ(values.at("nice"), std::to_string(::getpriority(PRIO_PROCESS, 0) + 3));
}

TEST(Spawn, sets_limits) {
  if (!can_lower_hard_limit()) GTEST_SKIP() << "the hard limit cannot be lowered here";
  const auto values =
      report_of({.limits = {{RLIMIT_CORE, 0, 0}, {RLIMIT_NOFILE, 40, 50}}}).values;
  EXPECT_EQ(values.at("nofile"), "40 50");
}

// The reporter where everybody may execute it. The build may lie in a folder that is
// root's alone.
class ReachableReporter {
 public:
  ReachableReporter() {
    std::filesystem::copy_file(child_reporter_path(), path_,
                               std::filesystem::copy_options::overwrite_existing);
  }
  ~ReachableReporter() { std::filesystem::remove(path_); }
  ReachableReporter(const ReachableReporter&) = delete;
  ReachableReporter& operator=(const ReachableReporter&) = delete;
  [[nodiscard]] std::string path() const { return path_; }

 private:
  const std::filesystem::path path_ = std::filesystem::temp_directory_path() /
                                      ("child_reporter." + std::to_string(::getpid()));
};

TEST(Spawn, changes_uid_gid_and_drops_all_groups) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const ReachableReporter reporter;
  const auto values =
      report_of({.executable = reporter.path(), .uid = 65534, .gid = 65533}).values;
  EXPECT_EQ(values.at("uid"), "65534 65534");
  EXPECT_EQ(values.at("gid"), "65533 65533");
  EXPECT_EQ(values.at("groups"), "");
}

TEST(Spawn, drops_all_groups_where_one_id_changes) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_TRUE(passes_in_child([] {
    const ReachableReporter reporter;
    constexpr gid_t groups[] = {7, 9};
    ASSERT_EQ(::setgroups(2, groups), 0);
    EXPECT_EQ(report_of({}).values.at("groups"), "7 9 ");
    const auto by_uid = report_of({.executable = reporter.path(), .uid = 65534}).values;
    EXPECT_EQ(by_uid.at("uid"), "65534 65534");
    EXPECT_EQ(by_uid.at("groups"), "");
    const auto by_gid = report_of({.executable = reporter.path(), .gid = 65533}).values;
    EXPECT_EQ(by_gid.at("uid"), "0 0");
    EXPECT_EQ(by_gid.at("gid"), "65533 65533");
    EXPECT_EQ(by_gid.at("groups"), "");
  }));
}

TEST(Spawn, sets_groups_alone) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto values = report_of({.groups = {{7, 9}}}).values;
  EXPECT_EQ(values.at("groups"), "7 9 ");
  EXPECT_EQ(values.at("uid"), "0 0");
}

TEST(Spawn, sets_the_groups_asked_for) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const ReachableReporter reporter;
  const auto values =
      report_of(
          {.executable = reporter.path(), .uid = 65534, .gid = 5, .groups = {{7, 9}}})
          .values;
  EXPECT_EQ(values.at("groups"), "7 9 ");
}

TEST(Spawn, gives_a_clean_signal_mask_and_default_dispositions) {
  EXPECT_TRUE(passes_in_child([] {
    for (int signal = 1; signal <= 64; ++signal) {
      ::signal(
          signal, signal % 3 == 1 ? SIG_IGN : +[](int) {});
    }
    ::signal(SIGCHLD, SIG_DFL);
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
    const auto values = report_of({}).values;
    EXPECT_EQ(values.at("SigBlk"), "0000000000000000");
    EXPECT_EQ(values.at("SigIgn"), "0000000000000000");
    EXPECT_EQ(values.at("SigCgt"), "0000000000000000");
  }));
}

TEST(Spawn, keeps_the_mask_and_the_handlers_of_the_caller) {
  EXPECT_TRUE(passes_in_child([] {
    const SignalScope handler(SIGUSR2, [](int) {});
    sigset_t before;
    ::sigemptyset(&before);
    for (const int signal : {1, 12, 64}) ::sigaddset(&before, signal);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    report_of({});
    sigset_t after;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
    for (int signal = 1; signal < 65; ++signal) {
      EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal)) << signal;
    }
    struct sigaction action;
    ::sigaction(SIGUSR2, nullptr, &action);
    EXPECT_NE(action.sa_handler, SIG_DFL);
  }));
}

// A handler of the parent would run in the parent's memory. The child's own mask, its
// last step, is not set here.
TEST(Spawn, blocks_all_signals_until_the_program_is_there) {
  if (!can_deny() || !shown_means().memory_shared) {
    GTEST_SKIP() << "no seccomp filters, or no shared memory";
  }
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(deny({{SYS_rt_sigprocmask, 0, Denied::Argument{2, 0}}}));
    EXPECT_EQ(report_of({}).values.at("SigBlk"), "fffffffffffbfeff")
        << "all but SIGKILL and SIGSTOP";
  }));
}

TEST(Spawn, blocks_the_signals_asked_for) {
  EXPECT_EQ(report_of({.blocked_signals = {1, 2, 64}}).values.at("SigBlk"),
            "8000000000000003");
}

TEST(Spawn, sets_the_parent_death_signal) {
  EXPECT_EQ(report_of({}).values.at("pdeathsig"), "0");
  for (const int signal : {1, SIGTERM, 64}) {
    EXPECT_EQ(report_of({.parent_death_signal = signal}).values.at("pdeathsig"),
              std::to_string(signal));
  }
}

TEST(Spawn, a_child_with_a_death_signal_dies_with_its_parent) {
  FdPair alive = make_pipe();
  const auto result = run_in_child([&alive]() -> std::string {
    (void)spawn({.argv = {"sleep", "1000"},
                 .descriptors = {{3, alive.second.get()}},
                 .parent_death_signal = SIGKILL})
        .pid;
    return "spawned";
  });
  EXPECT_EQ(result.output, "spawned");
  alive.second.reset();
  EXPECT_EQ(read_to_end(alive.first.get()), "")
      << "end of file: no process holds the pipe";
}

}  // namespace
}  // namespace tornado::test
