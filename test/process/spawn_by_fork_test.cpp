// SPDX-License-Identifier: Apache-2.0
// What valgrind, qemu and systems without vfork get.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <vector>

#include "process/close_others_linux.h"
#include "process/launch.h"
#include "process/preparation.h"
#include "process/reported.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/mounts.h"
#include "support/wait.h"
#include "tornado/spawn.h"

namespace tornado::test {
namespace {

Child spawn_by_fork(const SpawnOptions& options) {
  Preparation preparation(options);
  Launched launched = launch_by_fork(preparation.task());
  if (launched.pid == -1) {
    throw std::system_error(preparation.task().report.error, std::system_category(),
                            preparation.failed_act());
  }
  Child child;
  child.pid = launched.pid;
  child.process = std::move(launched.process);
  preparation.hand_over(child);
  return child;
}

TEST(SpawnByFork, gives_what_was_asked_for_and_nothing_else) {
  const UniqueFd unmarked(::open("/dev/null", O_RDONLY));
  const UniqueFd given = open_file("/", O_RDONLY);
  // The reporter's descriptor lies above all others, where the report's own would go.
  Child child = spawn_by_fork({.argv = {child_reporter_path(), "1"},
                               .cwd = "/usr",
                               .out = Stdio::pipe(),
                               .descriptors = {{7, given.get()}, {300, given.get()}}});
  const std::string text = read_to_end(child.out.get());
  EXPECT_EQ(wait_child(child), 0);
  std::string lines;
  for (std::size_t at = text.find("fd "); at != text.npos;
       at = text.find("\nfd ", at + 1)) {
    const std::size_t number = text.find("fd ", at) + 3;
    lines += text.substr(number, text.find(' ', number) - number) + " ";
  }
  EXPECT_EQ(lines, "0 2 7 300 ");
  EXPECT_NE(text.find("cwd /usr\n"), text.npos);
  EXPECT_NE(text.find("SigBlk 0000000000000000\n"), text.npos);
}

TEST(SpawnByFork, reports_what_the_child_could_not_do) {
  reserve_spawn_slots();
  const std::set<int> before = open_numbers();
  const auto message = [](const SpawnOptions& options) -> std::string {
    try {
      Child child = spawn_by_fork(options);
      wait_child(child);
      return "spawned";
    } catch (const std::system_error& error) {
      return error.what();
    }
  };
  EXPECT_EQ(message({.argv = {"/no/such"}, .in = Stdio::pipe()}),
            "exec /no/such: No such file or directory");
  EXPECT_EQ(message({.argv = {"true"}, .process_group = 1}),
            "setpgid 1: Operation not permitted");
  EXPECT_EQ(message({.argv = {"true"}}), "spawned");
  EXPECT_EQ(open_numbers(), before);
}

constexpr int scattered[] = {100, 255, 256, 300, 1000};

/// Which of them are left, 256 being kept, in a child that `hinder` hinders.
std::string left_by_close_others(const std::function<bool()>& hinder) {
  const auto result = run_in_child([&hinder] {
    const std::set<int> before = open_numbers();  // this child's way to report, too
    std::vector<int> kept(before.begin(), before.end());
    kept.push_back(256);
    for (const int to : scattered) ::dup2(STDIN_FILENO, to);
    if (!hinder()) return std::string("not hindered");
    if (!close_others({kept.data(), kept.size()})) return std::string("failed");
    std::string left;
    for (const int fd : scattered) {
      if (::fcntl(fd, F_GETFD) != -1) left += std::to_string(fd) + " ";
    }
    return left;
  });
  return result.output;
}

/// The same where it may not list what is open.
std::string left_by_close_others(std::initializer_list<Denied> more) {
  return left_by_close_others([more] {
    return deny({{SYS_openat, ENOENT}}) && deny(more);
  });
}

TEST(CloseOthers, needs_no_directory_of_what_is_open) {
  if (!can_deny()) GTEST_SKIP() << "no filters here";
  EXPECT_EQ(left_by_close_others({}), "256 ");
  EXPECT_EQ(left_by_close_others({{SYS_ppoll, ENOSYS}}), "256 ");
}

TEST(CloseOthers, fails_where_neither_a_directory_nor_a_limit_is_told) {
  if (!can_deny()) GTEST_SKIP() << "no filters here";
  EXPECT_EQ(left_by_close_others({{SYS_prlimit64, EPERM}}), "failed");
}

TEST(CloseOthers, trusts_no_directory_that_is_not_of_this_process) {
  if (!can_enter_mount_namespace()) GTEST_SKIP() << "no mount namespaces here";
  EXPECT_EQ(left_by_close_others([] {
              if (!enter_mount_namespace()) return false;
              if (::mount("none", "/proc", "tmpfs", 0, nullptr) != 0) return false;
              ::mkdir("/proc/self", 0700);
              ::mkdir("/proc/self/fd", 0700);
              ::mkdir("/proc/self/fd/x", 0700);
              return ::mkdir("/proc/self/fd/100", 0700) == 0;
            }),
            "256 ");
}

}  // namespace
}  // namespace tornado::test
