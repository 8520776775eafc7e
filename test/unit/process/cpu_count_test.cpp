// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <initializer_list>
#include <string>
#include <utility>

#include "support/child.h"
#include "support/deny.h"
#include "support/mounts.h"
#include "tornado/fork_processes.h"

namespace tornado::test {
namespace {

TEST(CpuCount, is_that_of_the_affinity_mask_at_most) {
  EXPECT_GE(cpu_count(), 1);
  EXPECT_LE(cpu_count(), ::sysconf(_SC_NPROCESSORS_CONF));
  EXPECT_TRUE(passes_in_child([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(::sched_getcpu(), &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(cpu_count(), 1);
  }));
}

// As if this process were in control groups with these files, in a mount namespace.
int cpu_count_in(const std::string& groups,
                 std::initializer_list<std::pair<std::string, std::string>> files) {
  const std::string root = "/sys/fs/cgroup/";
  if (!enter_mount_namespace() ||
      ::mount("none", root.c_str(), "tmpfs", 0, nullptr) != 0) {
    return -1;
  }
  std::ofstream(root + "groups") << groups;
  for (const auto& [name, text] : files) {
    for (auto at = name.find('/'); at != name.npos; at = name.find('/', at + 1)) {
      ::mkdir((root + name.substr(0, at)).c_str(), 0700);
    }
    std::ofstream(root + name) << text;
  }
  const std::string told = "/proc/" + std::to_string(::getpid()) + "/cgroup";
  const int bound =
      ::mount((root + "groups").c_str(), told.c_str(), "none", MS_BIND, nullptr);
  return bound == 0 ? cpu_count() : -1;
}

TEST(CpuCount, is_no_more_than_the_quotas_of_the_control_groups) {
  const auto probe = run_in_child([] { return std::to_string(cpu_count_in("", {})); });
  if (probe.output == "-1") GTEST_SKIP() << "no mount namespaces here";
  const auto count = [](const std::string& groups, auto... files) {
    return run_in_child(
               [&] { return std::to_string(cpu_count_in(groups, {files...})); })
        .output;
  };
  using File = std::pair<std::string, std::string>;
  EXPECT_EQ(count("0::/a/b\n", File("a/b/cpu.max", "50000 100000")), "1");
  EXPECT_EQ(count("0::/a/b\n", File("a/cpu.max", "100000 100000"),
                  File("a/b/cpu.max", "max 100000")),
            "1")
      << "of the group around it";
  EXPECT_EQ(count("0::/\n", File("cpu.max", "9000000 1000")), probe.output);
  EXPECT_EQ(count("0::/\n", File("cpu.max", "1000 0")), probe.output);
  EXPECT_EQ(
      count("no group\n1:name=x:/\n4:cpu,cpuacct:/a\n",
            File("cpu/cpu.cfs_quota_us", "-1"), File("cpu/cpu.cfs_period_us", "100000"),
            File("cpu/a/cpu.cfs_quota_us", "10000"),
            File("cpu/a/cpu.cfs_period_us", "100000")),
      "1");
  EXPECT_EQ(count("4:cpu:/\n", File("cpu/cpu.cfs_quota_us", "1000")), probe.output)
      << "without a period";
  EXPECT_EQ(count("4:cpu:/\n"), probe.output);
  EXPECT_EQ(count("4:cpu:/\n", File("cpu/cpu.cfs_quota_us", "1000"),
                  File("cpu/cpu.cfs_period_us", "0")),
            probe.output);
}

TEST(CpuCount, is_that_of_the_system_where_the_mask_is_not_told) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(deny({{SYS_sched_getaffinity, EPERM}}));
    EXPECT_GE(cpu_count(), 1);
  }));
}

}  // namespace
}  // namespace tornado::test
