// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "support/deny.h"
#include "support/reporter.h"
#include "tool/fds_trace.h"

namespace tornado::test {
namespace {

Finish follow(const std::vector<std::string>& acts,
              const std::vector<std::string>& options = {}) {
  return run_tornado({follow_child(acts, options)});
}

// The same program without anybody following.
Finish run_program(const std::vector<std::string>& words, Start start = {}) {
  const auto before = start.before_exec;
  start.before_exec = [words, before] {
    before();
    std::vector<char*> pointers;
    for (const auto& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
    pointers.push_back(nullptr);
    ::execv(pointers[0], pointers.data());
    ::_exit(127);
  };
  return run_tornado(start);
}

TEST(FdsCommand, exits_as_its_command_did) {
  for (const int status : {0, 1, 2, 77, 255}) {
    EXPECT_EQ(follow({"exit=" + std::to_string(status)}).status, status);
  }
}

TEST(FdsCommand, dies_of_the_signal_that_its_command_died_of) {
  for (const int signal : {SIGTERM, SIGKILL, SIGSEGV, SIGINT, SIGUSR1, SIGPIPE}) {
    const Finish finish = follow({"die=" + std::to_string(signal)});
    EXPECT_EQ(finish.signal, signal);
    EXPECT_TRUE(contains(finish.err, "clean: ")) << finish.err;
  }
}

TEST(FdsCommand, says_1_for_leaks_unless_they_are_not_to_fail) {
  EXPECT_EQ(follow({"open", "fork", "exit=7"}).status, 1);
  EXPECT_EQ(follow({"open", "fork", "exit=7"}, {"--fail-on=none"}).status, 7);
  EXPECT_EQ(follow({"open", "fork", "exit=7"}, {"--fail-on", "leak"}).status, 1);
}

TEST(FdsCommand, tells_people_who_opened_what_and_who_got_it) {
  const Finish finish = follow({"open", "fork", "print=hello"});
  EXPECT_EQ(finish.out, "hello\n");
  EXPECT_TRUE(contains(finish.err, "/etc/passwd")) << finish.err;
  EXPECT_TRUE(contains(finish.err, "openat in " + std::string(fds_child_path())));
  EXPECT_EQ(contains(finish.err, "open_unmarked+0x"), call_sites_known()) << finish.err;
  EXPECT_EQ(contains(finish.err, "built without libdw"), !call_sites_known());
  EXPECT_TRUE(contains(finish.err, "true")) << finish.err;
  EXPECT_EQ(lines_of(finish.err).back(),
            "leaks: 1 descriptor leaked into 1 of 2 executed programs");
}

TEST(FdsCommand, tells_the_line_of_the_source_where_it_is_known) {
  if (!call_sites_known()) GTEST_SKIP() << "this build has no libdw";
  const Trace trace = trace_child({"open", "fork"});
  ASSERT_EQ(trace.leaks().size(), 1u);
  bool told = false;
  const auto origin = trace.origin_of(trace.leaks()[0]);
  for (const auto& place : origin.at("site")) {
    if (place.at("function") != "open_unmarked") continue;
    told = true;
    EXPECT_TRUE(place.at("file").get<std::string>().ends_with("fds_child.cpp"));
    EXPECT_GT(place.at("line"), 0);
  }
  EXPECT_TRUE(told) << trace.report.dump(2);
}

TEST(FdsCommand, says_only_the_sum_if_asked_to_be_quiet) {
  EXPECT_EQ(follow({"open", "fork"}, {"--quiet"}).err,
            "leaks: 1 descriptor leaked into 1 of 2 executed programs\n");
}

TEST(FdsCommand, writes_its_report_to_a_file) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("tornado-fds-" + std::to_string(::getpid()));
  const Finish finish = follow({"open", "fork"}, {"--json", "--output", path});
  EXPECT_EQ(finish.err, "");
  std::ifstream file(path);
  const auto report = nlohmann::json::parse(file, nullptr, false);
  std::filesystem::remove(path);
  ASSERT_FALSE(report.is_discarded());
  EXPECT_EQ(report.at("schema"), 1);
  EXPECT_EQ(report.at("leaking_programs"), 1);
}

TEST(FdsCommand, executes_nothing_if_the_report_cannot_be_written) {
  const Finish finish = follow({"print=ran"}, {"--output", "/no/such/folder/file"});
  EXPECT_EQ(finish.status, 2);
  EXPECT_EQ(finish.out, "");
  EXPECT_TRUE(contains(finish.err, "/no/such/folder/file")) << finish.err;
}

TEST(FdsCommand, says_as_env_does_that_there_is_no_such_program) {
  const Finish missing = run_tornado({{"fds", "--", "/no/such/program"}});
  EXPECT_EQ(missing.status, 127);
  EXPECT_EQ(missing.err,
            "tornado fds: exec /no/such/program: No such file or directory\n");
  const Finish folder = run_tornado({{"fds", "--", "/etc"}});
  EXPECT_EQ(folder.status, 126);
  EXPECT_EQ(folder.err, "tornado fds: exec /etc: Permission denied\n");
}

TEST(FdsCommand, hands_ctrl_c_on_to_the_command) {
  Start start = {follow_child({"wait-for-interrupt"})};
  start.interrupt_after = "ready";
  EXPECT_EQ(run_tornado(start).status, 5);
}

TEST(FdsCommand, ends_what_outlived_the_command_at_ctrl_c) {
  Start start;
  start.interrupt_after = "ready";
  const Trace trace = trace_child({"lingering-orphan"}, start);
  EXPECT_EQ(trace.finish.status, 3);
  EXPECT_EQ(trace.report.at("killed"), 1);
}

TEST(FdsCommand, lets_its_command_stop_and_go_on) {
  EXPECT_EQ(follow({"stop", "exit=6"}).status, 6);
}

TEST(FdsCommand, changes_neither_mask_nor_dispositions_of_its_command) {
  for (const auto action : {SIG_DFL, SIG_IGN}) {
    Start start;
    start.before_exec = [action] {
      for (const int signal : {SIGPIPE, SIGCHLD, SIGINT}) std::signal(signal, action);
      sigset_t set;
      ::sigemptyset(&set);
      ::sigaddset(&set, SIGUSR2);
      ::sigprocmask(SIG_SETMASK, &set, nullptr);
    };
    const Finish direct = run_program({fds_child_path(), "print-signals"}, start);
    start.arguments = follow_child({"print-signals"});
    const Finish followed = run_tornado(start);
    EXPECT_TRUE(contains(direct.out, "SigIgn:")) << direct.out;
    EXPECT_EQ(followed.out, direct.out);
    EXPECT_EQ(followed.status, 0);
  }
}

TEST(FdsCommand, passes_on_what_the_caller_left_open_and_nothing_of_its_own) {
  Start start;
  without_leak_checker(start);
  start.before_exec = [] {
    const int fd = ::open("/dev/zero", O_RDONLY);
    ::dup2(fd, 33);
    ::close(fd);
    ::close(STDIN_FILENO);
  };
  const Finish direct = run_program({reporter_path(), "1"}, start);
  start.arguments = {"fds", "--json", "--", reporter_path(), "1"};
  const Finish followed = run_tornado(start);
  const auto wanted = parse_report(direct.out).descriptors;
  const auto got = parse_report(followed.out).descriptors;
  ASSERT_NE(find(got, 33), nullptr);
  EXPECT_EQ(find(got, STDIN_FILENO), nullptr);
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].fd, wanted[i].fd);
    EXPECT_EQ(got[i].kind, wanted[i].kind);
    EXPECT_EQ(got[i].status_flags, wanted[i].status_flags);
  }
  EXPECT_EQ(followed.status, 0);
  const auto report = nlohmann::json::parse(followed.err);
  for (const auto& descriptor : report.at("programs").at(0).at("descriptors")) {
    EXPECT_EQ(descriptor.at("verdict"), "inherited_from_caller");
  }
}

TEST(FdsCommand, follows_each_system_call_where_filters_are_forbidden) {
  if (!can_deny()) GTEST_SKIP() << "no filters here";
  Start start;
  start.before_exec = [] {
    if (!deny({{SYS_seccomp, EINVAL}})) ::_exit(125);
  };
  for (const char* act : {"open", "open-in-thread", "each-unmarked", "duplicate"}) {
    const Trace filtered = trace_child({act, "fork", "vfork"});
    const Trace slow = trace_child({act, "fork", "vfork"}, start);
    EXPECT_EQ(filtered.report.at("filtered"), true);
    EXPECT_EQ(slow.report.at("filtered"), false);
    EXPECT_EQ(slow.finish.status, 1);
    ASSERT_EQ(slow.leaks().size(), filtered.leaks().size()) << act;
    for (std::size_t i = 0; i < slow.leaks().size(); ++i) {
      const auto one = slow.origin_of(slow.leaks()[i]);
      const auto other = filtered.origin_of(filtered.leaks()[i]);
      ASSERT_FALSE(one.is_null()) << act;
      EXPECT_EQ(one.at("call"), other.at("call")) << act;
      EXPECT_EQ(one.at("site").size(), other.at("site").size()) << act;
    }
  }
}

TEST(FdsCommand, executes_nothing_if_it_must_not_trace) {
  if (!can_deny()) GTEST_SKIP() << "no filters here";
  Start start = {follow_child({"print=ran"})};
  without_leak_checker(start);
  start.before_exec = [] {
    if (!deny({{SYS_ptrace, EPERM}})) ::_exit(125);
  };
  const Finish finish = run_tornado(start);
  EXPECT_EQ(finish.status, 2);
  EXPECT_EQ(finish.out, "");
  EXPECT_TRUE(contains(finish.err, "ptrace seize process ")) << finish.err;
  EXPECT_TRUE(contains(finish.err, "Operation not permitted")) << finish.err;
}

TEST(FdsCommand, cannot_follow_what_is_followed_already) {
  std::vector<std::string> words = {"fds", "--quiet", "--", "/proc/self/exe"};
  const auto inner = follow_child({"print=ran"});
  words.insert(words.end(), inner.begin(), inner.end());
  Start start = {words};
  without_leak_checker(start);
  const Finish finish = run_tornado(start);
  EXPECT_EQ(finish.status, 2);
  EXPECT_EQ(finish.out, "");
  EXPECT_TRUE(contains(finish.err, "traced already")) << finish.err;
}

TEST(FdsCommand, keeps_its_report_in_json_apart_from_the_words_of_the_command) {
  const Finish finish = run_tornado(
      {{"fds", "--json", "--", "sh", "-c", "echo words; echo more words >&2"}});
  EXPECT_EQ(finish.out, "words\nmore words\n");
  EXPECT_FALSE(nlohmann::json::parse(finish.err, nullptr, false).is_discarded())
      << finish.err;
  const auto path = std::filesystem::temp_directory_path() /
                    ("tornado-fds-" + std::to_string(::getpid()));
  const Finish apart = run_tornado({{"fds", "--json", "--output", path, "--", "sh",
                                     "-c", "echo words; echo more words >&2"}});
  std::filesystem::remove(path);
  EXPECT_EQ(apart.out, "words\n");
  EXPECT_EQ(apart.err, "more words\n");
}

TEST(FdsCommand, allows_what_its_user_lists) {
  EXPECT_EQ(follow({"open", "fork", "exit=7"}, {"--allow", "/etc/passwd"}).status, 7);
  const Finish finish = follow({"open", "fork"}, {"--allow=/etc/*"});
  EXPECT_TRUE(contains(finish.err, "allowed, not counted: fd ")) << finish.err;
  EXPECT_TRUE(contains(finish.err, "  /etc/passwd")) << finish.err;
}

TEST(FdsCommand, says_that_its_filter_forbids_strict_seccomp) {
  const Finish finish = follow({"strict"});
  EXPECT_EQ(finish.status, 93);
  EXPECT_TRUE(contains(finish.err, "asked for strict seccomp")) << finish.err;
  EXPECT_TRUE(contains(finish.err, "--every-call")) << finish.err;
  const Finish slow = follow({"strict"}, {"--every-call"});
  EXPECT_EQ(slow.status, 0) << slow.err;
  EXPECT_FALSE(contains(slow.err, "strict")) << slow.err;
}

// A program that its user may execute and not read.
TEST(FdsCommand, is_not_clean_if_a_program_could_not_be_looked_into) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  const auto path = std::filesystem::temp_directory_path() /
                    ("tornado-secret-" + std::to_string(::getpid()));
  std::filesystem::copy_file("/bin/true", path);
  ::chmod(path.c_str(), 0711);
  Start start = {{"fds", "--", path}};
  without_leak_checker(start);
  start.before_exec = [] {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(125);
  };
  const Finish finish = run_tornado(start);
  std::filesystem::remove(path);
  if (finish.status == 127) GTEST_SKIP() << "nobody must not execute the command here";
  EXPECT_EQ(finish.status, 2) << finish.err;
  EXPECT_FALSE(contains(finish.err, "clean")) << finish.err;
  EXPECT_EQ(lines_of(finish.err).back(),
            "unknown: no descriptor was seen to leak, but 1 of 1 executed program "
            "could not be read");
}

TEST(FdsCommand, is_not_blinded_by_a_path_that_is_too_long_to_tell) {
  const auto base = std::filesystem::temp_directory_path() /
                    ("tornado-deep-" + std::to_string(::getpid()));
  Start start = {follow_child({"exit=6"}, {"--json"})};
  start.before_exec = [&base] {
    const std::string name(200, 'd');
    int failures = ::mkdir(base.c_str(), 0700) + ::chdir(base.c_str());
    for (int depth = 0; depth < 30; ++depth) {
      failures += ::mkdir(name.c_str(), 0700) + ::chdir(name.c_str());
    }
    if (failures != 0 || ::dup2(::open("deep", O_WRONLY | O_CREAT, 0600), 33) != 33 ||
        ::chdir("/") != 0) {
      ::_exit(99);
    }
  };
  const Finish finish = run_tornado(start);
  std::filesystem::remove_all(base);
  EXPECT_EQ(finish.status, 6) << finish.err;
  const auto report = nlohmann::json::parse(finish.err, nullptr, false);
  ASSERT_FALSE(report.is_discarded()) << finish.err;
  const auto& program = report.at("programs").at(0);
  EXPECT_TRUE(program.at("error").is_null()) << program;
  EXPECT_TRUE(std::ranges::any_of(program.at("descriptors"), [](const auto& one) {
    return one.at("fd") == 33;
  })) << program;
}

TEST(FdsCommand, executes_a_script_without_an_interpreter_by_sh_as_spawn_does) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("tornado-script-" + std::to_string(::getpid()));
  std::ofstream(path) << "echo from a script\n";
  ::chmod(path.c_str(), 0700);
  const Finish followed = run_tornado({{"fds", "--quiet", "--", path}});
  const Finish run = run_tornado({{"run", "--quiet", "--no-time", "--", path}});
  std::filesystem::remove(path);
  EXPECT_EQ(followed.out, "from a script\n");
  EXPECT_TRUE(run.out.ends_with(" | from a script\n")) << run.out << run.err;
  EXPECT_EQ(followed.status, 0);
  EXPECT_EQ(run.status, 0);
}

TEST(FdsCommand, refuses_what_has_no_meaning) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> mistakes = {
      {{"fds", "--"}, "tornado fds: --: a command to run is missing"},
      {{"fds", "12x"}, "tornado fds: 12x: not a process id"},
      {{"fds", "0"}, "tornado fds: 0: not a process id"},
      {{"fds", "1", "--", "true"},
       "tornado fds: either process ids, or a command after --"},
      {{"fds", "--leaks", "--", "true"}, "tornado fds: --leaks is for process ids"},
      {{"fds", "--output", "x", "1"},
       "tornado fds: --output is for a command after --"},
      {{"fds", "--fail-on", "lek", "1"},
       "tornado fds: --fail-on lek: no such choice; did you mean leak?"},
      {{"doctor", "--", "true"}, "tornado doctor: --: unexpected argument"}};
  for (const auto& [arguments, answer] : mistakes) {
    const Finish finish = run_tornado({arguments});
    EXPECT_EQ(finish.status, 2) << answer;
    EXPECT_EQ(finish.out, "") << answer;
    EXPECT_EQ(lines_of(finish.err).front(), answer);
  }
}

}  // namespace
}  // namespace tornado::test
