// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <initializer_list>
#include <set>
#include <string>
#include <vector>

#include "process/close_others_linux.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/limits.h"
#include "support/mounts.h"
#include "support/open_numbers.h"
#include "tornado/fd.h"

namespace tornado::test {
namespace {

constexpr int scattered[] = {0, 100, 255, 256, 300, 1000};

/// Opens all numbers from `first` to below `end` that are free.
void occupy(int first, int end) {
  for (int number = first; number < end; ++number) {
    if (::fcntl(number, F_GETFD) == -1) ::dup2(STDERR_FILENO, number);
  }
}

/// What is left of them, and of others, 256 being kept, in a child that `hinder`
/// hinders.
std::string left_by_close_others(const std::function<bool()>& hinder) {
  const auto result = run_in_child([&hinder] {
    std::set<int> others = open_numbers();  // this child's way to report, too
    others.erase(STDIN_FILENO);
    std::vector<int> kept(others.begin(), others.end());
    kept.push_back(256);
    for (const int number : scattered) occupy(number, number + 1);
    if (!hinder()) return std::string("not hindered");
    if (!close_others({kept.data(), kept.size()})) return std::string("failed");
    for (const int number : others) {
      if (::fcntl(number, F_GETFD) == -1) return std::string("too much closed");
    }
    std::string left;
    for (int number = 0; number < 1024; ++number) {
      if (::fcntl(number, F_GETFD) == -1 || others.contains(number)) continue;
      left += std::to_string(number) + " ";
    }
    return left;
  });
  return result.output;
}

std::string left_by_close_others(std::initializer_list<Denied> calls) {
  return left_by_close_others([calls] { return deny(calls); });
}

constexpr Denied no_directory{SYS_openat, ENOENT};
constexpr Denied no_limit{SYS_prlimit64, EPERM};

TEST(CloseOthers, needs_no_limit_where_what_is_open_is_listed) {
  if (!can_deny()) GTEST_SKIP() << "no filters here";
  EXPECT_EQ(left_by_close_others({no_limit}), "256 ");
}

TEST(CloseOthers, reads_a_list_that_is_longer_than_one_read) {
  if (!can_deny()) GTEST_SKIP() << "no filters here";
  EXPECT_EQ(left_by_close_others([] {
              occupy(300, 1000);
              return deny({no_limit});
            }),
            "256 ");
}

TEST(CloseOthers, needs_no_directory_of_what_is_open) {
  if (!can_deny()) GTEST_SKIP() << "no filters here";
  EXPECT_EQ(left_by_close_others({no_directory}), "256 ");
  EXPECT_EQ(left_by_close_others({no_directory, {SYS_ppoll, ENOSYS}}), "256 ");
}

TEST(CloseOthers, fails_where_neither_a_directory_nor_a_limit_is_told) {
  if (!can_deny_limits()) GTEST_SKIP() << "no filters of the limits here";
  EXPECT_EQ(left_by_close_others({no_directory, no_limit}), "failed");
}

TEST(CloseOthers, needs_no_privilege_to_learn_the_limit) {
  if (!can_deny()) GTEST_SKIP() << "no filters here";
  EXPECT_EQ(left_by_close_others([] {
              return (::geteuid() != 0 || ::setresuid(65534, 65534, 65534) == 0) &&
                     deny({no_directory});
            }),
            "256 ");
}

TEST(CloseOthers, finds_what_was_open_before_the_limit_was_lowered) {
  if (!can_deny() || !can_lower_hard_limit()) {
    GTEST_SKIP() << "no filters here, or a hard limit that cannot be lowered";
  }
  EXPECT_EQ(left_by_close_others([] {
              constexpr rlimit few{20, 20};
              return ::setrlimit(RLIMIT_NOFILE, &few) == 0 && deny({no_directory});
            }),
            "256 ");
}

// To wait for an event of each would take minutes.
TEST(CloseOthers, waits_for_nothing_where_all_numbers_are_in_use) {
  if (!can_deny()) GTEST_SKIP() << "no filters here";
  EXPECT_EQ(left_by_close_others([] {
              rlimit limit{};
              ::getrlimit(RLIMIT_NOFILE, &limit);
              const DescriptorLimit all(limit.rlim_max);
              occupy(0, static_cast<int>(std::min<rlim_t>(limit.rlim_max, 40'000)));
              return deny({no_directory});
            }),
            "256 ");
}

bool be_beside_another_proc(std::initializer_list<std::string> entries) {
  if (!enter_mount_namespace()) return false;
  if (::mount("none", "/proc", "tmpfs", 0, nullptr) != 0) return false;
  ::mkdir("/proc/self", 0700);
  ::mkdir("/proc/self/fd", 0700);
  for (const std::string& entry : entries) {
    if (::mkdir(("/proc/self/fd/" + entry).c_str(), 0700) != 0) return false;
  }
  return true;
}

TEST(CloseOthers, trusts_no_directory_that_is_not_of_this_process) {
  if (!can_enter_mount_namespace()) GTEST_SKIP() << "no mount namespaces here";
  EXPECT_EQ(left_by_close_others([] {
              return be_beside_another_proc({"x", "100"});
            }),
            "256 ");
}

TEST(CloseOthers, takes_no_name_for_the_number_of_the_directory_that_is_none) {
  if (!can_enter_mount_namespace()) GTEST_SKIP() << "no mount namespaces here";
  EXPECT_EQ(left_by_close_others([] {
              occupy(0, 10);
              // Which the directory will have: one digit, if there were more than ten.
              const UniqueFd next(::fcntl(0, F_DUPFD, 0));
              const auto digit = static_cast<char>('0' + next.get());
              return be_beside_another_proc({std::string(1, digit)});
            }),
            "256 ");
}

}  // namespace
}  // namespace tornado::test
