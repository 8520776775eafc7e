// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>

#include "process/reported.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/scale.h"
#include "tornado/spawn.h"

namespace tornado::test {
namespace {

// Threads that open descriptors without close-on-exec as fast as they can.
class HostileThreads {
 public:
  explicit HostileThreads(int count) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this] {
        while (!stop_) open_and_close();
      });
    }
    while (opened_ == 0) ::sched_yield();
  }
  ~HostileThreads() { stop_ = true; }

  [[nodiscard]] long opened() const { return opened_; }

 private:
  void open_and_close() {
    int fds[16];
    for (int& fd : fds) fd = ::open("/dev/null", O_RDONLY);
    opened_ += 16;
    for (const int fd : fds) ::close(fd);
  }

  std::atomic<bool> stop_{false};
  std::atomic<long> opened_{0};
  std::vector<Thread> threads_;
};

std::uint64_t spawns() {
  const char* text = std::getenv("TORNADO_TEST_SPAWNS");
  return text ? std::strtoull(text, nullptr, 0) : scaled(600);
}

// 100 at a time. Counts and shows the children that have more than they were given.
void spawn_beside_hostile_threads(std::uint64_t total) {
  const HostileThreads hostile(4);
  std::uint64_t leaks = 0;
  for (std::uint64_t done = 0; done < total;) {
    std::vector<RunningReporter> running;
    for (int i = 0; i < 100 && done < total; ++i, ++done) {
      SpawnOptions options{.in = Stdio::null()};
      if (i % 2) options.out = Stdio::pipe();
      running.emplace_back(options);
    }
    for (RunningReporter& reporter : running) {
      const std::vector<int> numbers = reporter.finish().numbers();
      if (numbers == std::vector<int>{0, 1, 2}) continue;
      ++leaks;
      EXPECT_EQ(numbers, (std::vector<int>{0, 1, 2}));
    }
  }
  EXPECT_EQ(leaks, 0u);
  std::printf("%llu spawns, %llu with unexpected descriptors, %ld opened beside them\n",
              static_cast<unsigned long long>(total),
              static_cast<unsigned long long>(leaks), hostile.opened());
  std::fflush(stdout);
}

bool can_unshare() {
  return launch_means().memory_shared && has_call(SYS_close_range);
}

constexpr auto long_enough = std::chrono::minutes(10);

TEST(SpawnHostile, nothing_leaks_beside_threads_that_open_unmarked_descriptors) {
  EXPECT_TRUE(passes_in_child(
      [] {
        spawn_beside_hostile_threads(spawns());
        EXPECT_EQ(launch_means().descriptors_unshared, can_unshare());
      },
      long_enough));
}

// Refused by an old kernel, by a container's filter, and by a picky one.
TEST(SpawnHostile, nothing_leaks_where_close_range_is_refused) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  for (const int error : {ENOSYS, EPERM, EINVAL, EACCES, EOPNOTSUPP, EUCLEAN}) {
    EXPECT_TRUE(passes_in_child(
        [error] {
          const LaunchMeans before = shown_means();
          ASSERT_TRUE(deny({{SYS_close_range, error}}));
          spawn_beside_hostile_threads(spawns() / 3 + 1);
          EXPECT_FALSE(launch_means().descriptors_unshared);
          EXPECT_EQ(launch_means().pidfd_at_birth, before.pidfd_at_birth);
        },
        long_enough))
        << error;
  }
}

TEST(SpawnHostile, a_filter_that_comes_after_the_first_spawn_is_noticed) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  EXPECT_TRUE(passes_in_child([] {
    EXPECT_EQ(report_of({}).numbers(), (std::vector<int>{0, 1, 2}));
    EXPECT_EQ(launch_means().descriptors_unshared, can_unshare());
    ASSERT_TRUE(deny({{SYS_close_range, EPERM}}));
    const int unmarked = ::open("/dev/null", O_RDONLY);
    EXPECT_GT(unmarked, 2);
    EXPECT_EQ(report_of({}).numbers(), (std::vector<int>{0, 1, 2}));
    EXPECT_FALSE(launch_means().descriptors_unshared);
  }));
}

TEST(SpawnHostile, nothing_leaks_where_proc_is_missing_as_well) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(deny({{SYS_close_range, ENOSYS}, {SYS_getdents64, ENOSYS}}));
    const UniqueFd low(::open("/dev/null", O_RDONLY));
    const UniqueFd high(::fcntl(low.get(), F_DUPFD, 1000));
    // The reporter cannot list what it has; a shell can try.
    Child child = spawn({.shell = "for i in 3 4 5 6 7 8; do "
                                  "(: <&$i) 2>/dev/null && echo $i; done; "
                                  "test -e /proc/self/fd/1000 && echo high; echo end",
                         .out = Stdio::pipe()});
    EXPECT_EQ(read_to_end(child.out.get()), "end\n");
    EXPECT_EQ(wait_child(child), 0);
  }));
}

/// Of the first child, and of the children that share the descriptor table.
bool deny_pidfds_at_birth(int error) {
  constexpr unsigned flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD;
  return deny({{SYS_clone, error, {{0, flags}}},
               {SYS_clone, error, {{0, flags | CLONE_FILES}}}});
}

TEST(SpawnHostile, works_without_pidfds) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(deny_pidfds_at_birth(EINVAL));
    ASSERT_TRUE(deny({{SYS_pidfd_open, ENOSYS}}));
    for (int i = 0; i < 2; ++i) {
      Child child = spawn({.shell = "exit 3"});
      EXPECT_FALSE(child.process);
      EXPECT_EQ(wait_child(child), 3);
    }
    EXPECT_FALSE(launch_means().pidfd_at_birth);
    EXPECT_EQ(launch_means().descriptors_unshared, can_unshare());
  }));
}

TEST(SpawnHostile, opens_a_pidfd_where_none_can_be_born) {
  if (!can_deny() || !has_call(SYS_pidfd_open)) {
    GTEST_SKIP() << "no seccomp filters, or no pidfd_open";
  }
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(deny_pidfds_at_birth(EPERM));
    for (int i = 0; i < 2; ++i) {
      Child child = spawn({.shell = "exit 3"});
      EXPECT_TRUE(child.process);
      EXPECT_EQ(wait_child(child), 3);
    }
  }));
}

TEST(SpawnHostile, works_where_no_table_can_be_shared) {
  if (!can_deny() || !shown_means().descriptors_unshared) {
    GTEST_SKIP() << "no seccomp filters, or no table is shared here";
  }
  EXPECT_TRUE(passes_in_child([] {
    constexpr unsigned flags = CLONE_VM | CLONE_VFORK | CLONE_FILES;
    ASSERT_TRUE(deny({{SYS_clone, EPERM, {{0, flags}}},
                      {SYS_clone, EPERM, {{0, flags | CLONE_PIDFD}}}}));
    EXPECT_EQ(report_of({}).numbers(), (std::vector<int>{0, 1, 2}));
    EXPECT_EQ(report_of({}).numbers(), (std::vector<int>{0, 1, 2}));
    EXPECT_FALSE(launch_means().pidfd_at_birth);
    EXPECT_FALSE(launch_means().descriptors_unshared);
  }));
}

TEST(SpawnHostile, many_threads_may_spawn_at_once) {
  const HostileThreads hostile(1);
  std::vector<Thread> spawners;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 4; ++i) {
    spawners.emplace_back([&wrong] {
      for (std::uint64_t n = scaled(50); n > 0; --n) {
        const auto report = report_of({.in = Stdio::pipe(), .out = Stdio::pipe()});
        if (report.numbers() != std::vector<int>{0, 1, 2}) ++wrong;
      }
    });
  }
  spawners.clear();
  EXPECT_EQ(wrong, 0);
}

// Handlers of the parent must not run in the child, which shares its memory.
TEST(SpawnHostile, signals_that_rain_on_the_group_reach_no_handler_in_the_child) {
  EXPECT_TRUE(passes_in_child([] {
    static std::atomic<int> strangers;
    static pid_t self;
    self = ::getpid();
    ::setpgid(0, 0);
    ::signal(SIGUSR1, [](int) {
      if (::syscall(SYS_getpid) != self) ++strangers;
    });
    std::atomic<bool> stop{false};
    Thread rain([&stop] {
      while (!stop) ::kill(0, SIGUSR1);
    });
    for (std::uint64_t n = scaled(300); n > 0; --n) {
      Child child = spawn({.argv = {"true"}, .process_group = 0});
      const int status = wait_child(child);
      EXPECT_TRUE(status == 0 || status == -SIGUSR1) << status;
    }
    stop = true;
    EXPECT_EQ(strangers, 0);
  }));
}

}  // namespace
}  // namespace tornado::test
