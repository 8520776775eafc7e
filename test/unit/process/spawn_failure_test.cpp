// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "process/reported.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/limits.h"
#include "support/scale.h"
#include "support/signals.h"
#include "tornado/spawn.h"

namespace tornado::test {
namespace {

volatile std::sig_atomic_t child_signals = 0;

// Its words are the C library's.
std::string text_of(int error) {
  return std::generic_category().message(error);
}

// The whole message, and that nothing is left: no descriptor, no child, no SIGCHLD.
void expect_failure(const SpawnOptions& options, const std::string& message, int error,
                    std::uint64_t times = 3) {
  const SignalScope count(SIGCHLD, [](int) { child_signals = child_signals + 1; });
  child_signals = 0;
  reserve_descriptors_for_spawn();
  const std::set<int> before = open_numbers();
  for (std::uint64_t i = 0; i < times; ++i) {
    try {
      (void)spawn(options);
      ADD_FAILURE() << "spawned, instead of: " << message;
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.what(), message);
      EXPECT_EQ(e.code().value(), error);
    }
  }
  EXPECT_EQ(open_numbers(), before);
  EXPECT_FALSE(has_children());
  EXPECT_TRUE(child_signals == 0 || !launch_means().memory_shared) << child_signals;
  std::error_code ec;
  EXPECT_EQ(spawn(options, ec).pid, -1);
  EXPECT_EQ(ec.value(), error);
}

class TempFile {
 public:
  TempFile(const std::string& content, unsigned mode)
      : path_(testing::TempDir() + "spawn_failure_" + std::to_string(::getpid())) {
    std::ofstream(path_) << content;
    ::chmod(path_.c_str(), mode);
  }
  ~TempFile() { ::unlink(path_.c_str()); }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(SpawnFailure, exec_of_what_does_not_exist) {
  expect_failure({.argv = {"/no/such"}}, "exec /no/such: No such file or directory",
                 ENOENT, scaled(1000));
  expect_failure({.argv = {"no-such-program"}},
                 "exec no-such-program: No such file or directory", ENOENT);
  expect_failure({.argv = {""}}, "exec : No such file or directory", ENOENT);
}

TEST(SpawnFailure, exec_of_another_file_than_argv_0_names) {
  expect_failure({.argv = {"name"}, .executable = "/no/such"},
                 "exec /no/such: No such file or directory", ENOENT);
}

TEST(SpawnFailure, exec_of_what_may_not_be_executed) {
  const TempFile file("#!/bin/sh\n", 0644);
  expect_failure({.argv = {file.path()}}, "exec " + file.path() + ": Permission denied",
                 EACCES);
  expect_failure({.argv = {"/usr"}}, "exec /usr: Permission denied", EACCES);
}

// As execvp does: a file that the kernel cannot execute is a script for the shell.
TEST(SpawnFailure, exec_of_a_script_without_its_first_line_is_none) {
  const TempFile script("exit $(($# + $1))\n", 0755);
  const std::string name = script.path().substr(script.path().rfind('/') + 1);
  for (const SpawnOptions& options :
       {SpawnOptions{.argv = {script.path(), "40", "x"}},
        SpawnOptions{.argv = {name, "40", "x"},
        .environment = {{{"PATH", "/nowhere:" + testing::TempDir()}}}},
        SpawnOptions{.argv = {"other", "40", "x"}, .executable = script.path()}}) {
    Child child = spawn(options);
    EXPECT_EQ(wait_child(child), 42);
  }
}

/// Whether this exec fails and comes back. Valgrind ends a process whose exec fails for
/// a reason that it did not foresee.
bool exec_comes_back(const std::vector<std::string>& argv) {
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.data()));
  words.push_back(nullptr);
  return is_true_in_child([&words] {
    ::execvp(words[0], words.data());
    return true;
  });
}

TEST(SpawnFailure, exec_of_a_file_that_is_being_written) {
  const TempFile file("#!/bin/sh\n", 0755);
  const UniqueFd writer = open_file(file.path().c_str(), O_WRONLY);
  if (!exec_comes_back({file.path()})) GTEST_SKIP() << "a failing exec ends the child";
  expect_failure({.argv = {file.path()}}, "exec " + file.path() + ": Text file busy",
                 ETXTBSY);
}

TEST(SpawnFailure, exec_with_too_many_arguments) {
  const std::vector<std::string> argv(64, std::string(100'000, 'x'));
  std::vector<std::string> all = {"true"};
  all.insert(all.end(), argv.begin(), argv.end());
  if (!exec_comes_back(all)) GTEST_SKIP() << "a failing exec ends the child";
  expect_failure({.argv = all}, "exec true: Argument list too long", E2BIG);
}

TEST(SpawnFailure, a_forbidden_file_in_the_path_is_worth_more_than_a_missing_one) {
  const TempFile file("#!/bin/sh\n", 0644);
  const std::string name = file.path().substr(file.path().rfind('/') + 1);
  expect_failure(
      {.argv = {name}, .environment = {{{"PATH", testing::TempDir() + ":/nowhere"}}}},
      "exec " + name + ": Permission denied", EACCES);
}

TEST(SpawnFailure, a_directory_that_is_missing_or_is_none) {
  expect_failure({.argv = {"true"}, .cwd = "/gone"},
                 "chdir /gone: No such file or directory", ENOENT);
  expect_failure({.argv = {"true"}, .cwd = "/dev/null"},
                 "chdir /dev/null: Not a directory", ENOTDIR);
}

TEST(SpawnFailure, steps_of_the_child_are_named) {
  expect_failure({.argv = {"true"}, .process_group = 1},
                 "setpgid 1: Operation not permitted", EPERM);
  expect_failure({.argv = {"true"}, .limits = {{RLIMIT_NOFILE, 50, 40}}},
                 "setrlimit 7: Invalid argument", EINVAL);
  expect_failure(
      {.argv = {"true"}, .limits = {{RLIMIT_CORE, 0, 0}, {RLIMIT_NOFILE, 50, 40}}},
      "setrlimit 7: Invalid argument", EINVAL);
  expect_failure({.argv = {"true"}, .descriptors = {{1 << 30, 0}}},
                 "dup fd 0 to child descriptor 1073741824: Bad file descriptor", EBADF);
}

TEST(SpawnFailure, steps_that_need_privilege_are_named) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_EQ(::setresgid(65534, 65534, 65534), 0);
    ASSERT_EQ(::setresuid(65534, 65534, 65534), 0);
    expect_failure({.argv = {"true"}, .nice = -5}, "nice -5: Permission denied",
                   EACCES);
    expect_failure({.argv = {"true"}, .uid = 65534},
                   "setgroups: Operation not permitted", EPERM);
    expect_failure({.argv = {"true"}, .groups = {{1}}},
                   "setgroups: Operation not permitted", EPERM);
  }));
}

// As where a filter forbids it to the child.
TEST(SpawnFailure, each_step_of_the_child_is_named) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  const auto refuses = [](const Denied& call, const SpawnOptions& options,
                          const std::string& step) {
    EXPECT_TRUE(passes_in_child([&] {
      ASSERT_TRUE(deny({call}));
      expect_failure(options, step + ": " + text_of(EIO), EIO, 1);
    })) << step;
  };
  const unsigned user = ::geteuid(), group = ::getegid();
  refuses({SYS_setsid, EIO}, {.argv = {"true"}, .new_session = true}, "setsid");
  refuses({SYS_chdir, EIO}, {.argv = {"true"}, .cwd = "/"}, "chdir /");
  refuses({SYS_prctl, EIO, Denied::Argument{0, PR_SET_PDEATHSIG}},
          {.argv = {"true"}, .parent_death_signal = SIGTERM}, "prctl PR_SET_PDEATHSIG");
  refuses({SYS_getpriority, EIO}, {.argv = {"true"}, .nice = 1}, "nice 1");
  const Denied set_mask{SYS_rt_sigprocmask, EIO, Denied::Argument{2, 0}};
  const auto set_no_mask = [] {
    const sigset_t none{};
    return ::sigprocmask(SIG_SETMASK, &none, nullptr) == -1;
  };
  if (can_deny(set_mask, set_no_mask))
    refuses(set_mask, {.argv = {"true"}}, "sigprocmask");
  if (user != 0 || sizeof(long) < 8) return;  // 16-bit ids have numbers of their own
  refuses({SYS_setresgid, EIO}, {.argv = {"true"}, .gid = group}, "setgid 0");
  refuses({SYS_setresuid, EIO}, {.argv = {"true"}, .uid = user}, "setuid 0");
}

// Neither by one call, nor by a list, nor by the limit.
TEST(SpawnFailure, a_child_that_cannot_close_what_it_was_not_given_is_not_executed) {
  if (!can_deny_limits()) GTEST_SKIP() << "no seccomp filters of the limits here";
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(deny(
        {{SYS_close_range, ENOSYS}, {SYS_getdents64, ENOSYS}, {SYS_prlimit64, EIO}}));
    try {
      (void)spawn({.argv = {"true"}});
      ADD_FAILURE() << "spawned";
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.what(), "close descriptors: " + text_of(EIO));
    }
    EXPECT_FALSE(has_children());
  }));
}

TEST(SpawnFailure, a_child_whose_parent_is_gone_dies_of_the_signal_asked_for) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(deny({{SYS_getppid, ENOSYS}}));  // it has another parent, by that
    Child child = spawn({.argv = {"sleep", "1000"}, .parent_death_signal = SIGTERM});
    EXPECT_EQ(wait_child(child), -SIGTERM);
  }));
}

TEST(SpawnFailure, bad_input_is_refused_before_there_is_a_child) {
  const std::string invalid = ": Invalid argument";
  const std::string nul("a\0b", 3);
  expect_failure({}, "spawn: give either argv or shell" + invalid, EINVAL);
  expect_failure({.argv = {"true"}, .shell = "true"},
                 "spawn: give either argv or shell" + invalid, EINVAL);
  expect_failure({.argv = {"true", nul}}, "spawn: NUL byte in argv[1]" + invalid,
                 EINVAL);
  expect_failure({.shell = nul}, "spawn: NUL byte in argv[2]" + invalid, EINVAL);
  expect_failure({.argv = {"true"}, .executable = nul},
                 "spawn: NUL byte in executable" + invalid, EINVAL);
  expect_failure({.argv = {"true"}, .cwd = nul}, "spawn: NUL byte in cwd" + invalid,
                 EINVAL);
  expect_failure({.argv = {"true"}, .in = Stdio::file(nul, O_RDONLY)},
                 "child descriptor 0: NUL byte in the file's name" + invalid, EINVAL);
  expect_failure({.argv = {"true"}, .out = {static_cast<Stdio::Kind>(99)}},
                 "child descriptor 1: unknown kind of stream" + invalid, EINVAL);
  expect_failure({.argv = {"true"}, .environment = {{{"A=B", "c"}}}},
                 "environment variable \"A=B\": '=' in the name" + invalid, EINVAL);
  expect_failure({.argv = {"true"}, .environment_changes = {{"", "c"}}},
                 "environment variable \"\": empty name" + invalid, EINVAL);
  expect_failure({.argv = {"true"}, .environment_changes = {{nul, "c"}}},
                 "environment variable \"a\": NUL byte in the name" + invalid, EINVAL);
  expect_failure({.argv = {"true"}, .environment_changes = {{"A", nul}}},
                 "environment variable \"A\": NUL byte in the value" + invalid, EINVAL);
  expect_failure({.argv = {"true"}, .parent_death_signal = 65},
                 "spawn: parent_death_signal 65" + invalid, EINVAL);
  expect_failure({.argv = {"true"}, .blocked_signals = {0}},
                 "spawn: blocked signal 0" + invalid, EINVAL);
  for (const int signal : {SIGKILL, SIGSTOP}) {
    expect_failure({.argv = {"true"}, .blocked_signals = {signal}},
                   "spawn: blocked signal " + std::to_string(signal) +
                       " cannot be blocked" + invalid,
                   EINVAL);
  }
  expect_failure({.argv = {"true"}, .umask = 01000}, "spawn: umask 01000" + invalid,
                 EINVAL);
  expect_failure({.argv = {"true"}, .uid = ~0u}, "spawn: uid -1" + invalid, EINVAL);
  expect_failure({.argv = {"true"}, .gid = ~0u}, "spawn: gid -1" + invalid, EINVAL);
  expect_failure({.argv = {"true"}, .process_group = -1},
                 "spawn: negative process group" + invalid, EINVAL);
  expect_failure({.argv = {"true"}, .new_session = true, .process_group = 0},
                 "spawn: new_session and process_group exclude each other" + invalid,
                 EINVAL);
}

TEST(SpawnFailure, a_niceness_that_the_kernel_would_cut_is_refused) {
  const int now = ::getpriority(PRIO_PROCESS, 0);
  for (const int wanted : {-21, 20, 2'000'000'000}) {
    const int added = wanted - now;
    expect_failure({.argv = {"true"}, .nice = added},
                   "spawn: nice " + std::to_string(added) + " makes niceness " +
                       std::to_string(wanted) + ", beyond -20 to 19: Invalid argument",
                   EINVAL);
  }
  EXPECT_EQ(report_of({.nice = 19 - now}).values.at("nice"), "19");
}

TEST(SpawnFailure, a_child_that_was_not_made_cannot_be_waited_for) {
  Child none;
  try {
    (void)wait_child(none);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), std::errc::no_child_process);
  }
}

TEST(SpawnFailure, bad_descriptors_are_refused_before_there_is_a_child) {
  const std::string invalid = ": Invalid argument";
  expect_failure({.argv = {"true"}, .descriptors = {{3, 0}, {3, 1}}},
                 "child descriptor 3 mapped twice" + invalid, EINVAL);
  expect_failure({.argv = {"true"}, .descriptors = {{1, 0}}},
                 "child descriptor 1 mapped twice" + invalid, EINVAL);
  expect_failure({.argv = {"true"}, .descriptors = {{0, 1}}},
                 "child descriptor 0 mapped twice" + invalid, EINVAL);
  expect_failure({.argv = {"true"}, .descriptors = {{-1, 0}}},
                 "child descriptor -1 is negative" + invalid, EINVAL);
  expect_failure({.argv = {"true"}, .descriptors = {{3, 9999}}},
                 "child descriptor 3 from fd 9999: Bad file descriptor", EBADF);
  expect_failure({.argv = {"true"}, .out = Stdio::descriptor(9999)},
                 "child descriptor 1 from fd 9999: Bad file descriptor", EBADF);
  expect_failure({.argv = {"true"}, .out = Stdio::as_stdout()},
                 "child descriptor 1: as_stdout is for stderr" + invalid, EINVAL);
  expect_failure({.argv = {"true"}, .in = Stdio::file("/gone", O_RDONLY)},
                 "open /gone: No such file or directory", ENOENT);
}

TEST(SpawnFailure, too_few_descriptors_leave_nothing_behind) {
  const int needed = shown_means().memory_shared ? 6 : 7;  // a pipe to report on
  EXPECT_TRUE(passes_in_child([needed] {
    reserve_descriptors_for_spawn();
    const std::set<int> before = open_numbers();
    for (int limit_at = 3, room = 0; room < 12; ++limit_at) {
      if (before.count(limit_at - 1) == 0) ++room;  // numbers free below the limit
      {
        const DescriptorLimit limit(static_cast<rlim_t>(limit_at));
        std::error_code ec;
        Child child = spawn({.argv = {"true"},
                             .in = Stdio::pipe(),
                             .out = Stdio::pipe(),
                             .err = Stdio::null()},
                            ec);
        if (ec) {
          EXPECT_EQ(ec.value(), EMFILE);
        } else {
          EXPECT_EQ(wait_child(child), 0);
        }
        EXPECT_EQ(!ec, room >= needed) << room;
      }
      EXPECT_EQ(open_numbers(), before);
      EXPECT_FALSE(has_children());
    }
  }));
}

TEST(SpawnFailure, too_many_processes_leave_nothing_behind) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to be somebody else";
  const std::string act = shown_means().memory_shared ? "clone" : "fork";
  EXPECT_TRUE(passes_in_child([&act] {
    const rlimit one{1, 1};
    ASSERT_EQ(::setrlimit(RLIMIT_NPROC, &one), 0);
    ASSERT_EQ(::setresuid(64321, 64321, 64321), 0);
    expect_failure({.argv = {"true"}, .in = Stdio::pipe()},
                   act + ": Resource temporarily unavailable", EAGAIN);
  }));
}

}  // namespace
}  // namespace tornado::test
