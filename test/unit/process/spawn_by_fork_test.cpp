// SPDX-License-Identifier: Apache-2.0
// What valgrind, qemu and systems without vfork get.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "process/launch.h"
#include "process/reported.h"
#include "process/spawn_posix.h"
#include "support/child.h"
#include "support/limits.h"
#include "support/wait.h"
#include "tornado/spawn.h"

namespace tornado::test {
namespace {

Child spawn_by_fork(const SpawnOptions& options) {
  return launch_child(options, &launch_by_fork);
}

// A parent that took itself for the child would end so, too.
TEST(SpawnByFork, gives_the_returncode_of_a_shell_line) {
  Child child = spawn_by_fork({.shell = "exit 7"});
  EXPECT_EQ(wait_child(child), 7);
}

TEST(SpawnByFork, gives_the_listed_descriptors_and_nothing_else) {
  const UniqueFd unmarked(::open("/dev/null", O_RDONLY));
  const UniqueFd given = open_file("/", O_RDONLY);
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

// Whichever low number it has, the child is given something there.
TEST(SpawnByFork, loses_no_report_to_what_the_child_is_given) {
  const UniqueFd given = open_file("/dev/null", O_RDWR);
  SpawnOptions options{.argv = {"/no/such"}};
  for (int number = 3; number < 64; ++number) {
    options.descriptors.push_back({number, given.get()});
  }
  EXPECT_THROW((void)spawn_by_fork(options), std::system_error);
  EXPECT_FALSE(has_children());
}

TEST(SpawnByFork, is_refused_when_the_child_is_given_every_number_there_is) {
  if (!descriptor_limit_holds()) GTEST_SKIP() << "not every call keeps to a limit here";
  reserve_descriptors_for_spawn();
  const UniqueFd given = open_file("/dev/null", O_RDWR);
  const std::set<int> before = open_numbers();
  const int all = *before.rbegin() + 10;
  SpawnOptions options{.argv = {"true"}};
  for (int number = 3; number < all; ++number) {
    options.descriptors.push_back({number, given.get()});
  }
  const DescriptorLimit limit(static_cast<rlim_t>(all));
  EXPECT_THROW((void)spawn_by_fork(options), std::system_error);
  EXPECT_EQ(open_numbers(), before);
  EXPECT_FALSE(has_children());
}

TEST(SpawnByFork, reports_what_the_child_could_not_do) {
  reserve_descriptors_for_spawn();
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
  EXPECT_EQ(message({.argv = {"true"}, .descriptors = {{1 << 30, 0}}}),
            "dup fd 0 to child descriptor 1073741824: Bad file descriptor");
  EXPECT_EQ(message({.argv = {"true"}}), "spawned");
  EXPECT_FALSE(has_children());
  EXPECT_EQ(open_numbers(), before);
}

}  // namespace
}  // namespace tornado::test
