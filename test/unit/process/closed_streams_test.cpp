// SPDX-License-Identifier: Apache-2.0
// A program that was started with some of 0, 1 and 2 closed: whatever part of the
// library opens descriptors, none of them is there.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <any>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "process/launch.h"
#include "process/spawn_posix.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/open_numbers.h"
#include "support/pollers.h"
#include "support/wait.h"
#include "tornado/tornado.h"

namespace tornado::test {
namespace {

/// Something that opens descriptors, and what holds them until they have been seen.
struct Opener {
  std::string name;
  std::function<std::shared_ptr<void>()> open;
};

template <class T>
std::shared_ptr<void> hold(T&& made) {
  return std::make_shared<std::decay_t<T>>(std::forward<T>(made));
}

/// A child that lives until it is let go of.
struct RunningChild {
  explicit RunningChild(Child running) : child(std::move(running)) {}
  ~RunningChild() {
    child.in.reset();
    wait_child(child);
  }
  Child child;
};

const SpawnOptions cat = {.argv = {"/bin/cat"},
                          .in = Stdio::pipe(),
                          .out = Stdio::pipe(),
                          .err = Stdio::pipe()};

std::shared_ptr<void> spawn_cat() {
  return std::make_shared<RunningChild>(spawn(cat));
}

std::shared_ptr<void> launch_cat_by_fork() {
  return std::make_shared<RunningChild>(launch_child(cat, &launch_by_fork));
}

/// The worker looks at what its parent has open, and at itself. The kernel gives a new
/// pidfd the lowest number, and the parent moves it: the worker waits for that.
std::shared_ptr<void> fork_a_worker() {
  const std::set<int> before = open_numbers();
  const ForkResult forked = fork_processes(1, {.max_restarts = 0});
  if (!forked.task_id) return {};
  const auto stays = [&](int number) {
    const std::string link =
        "/proc/" + std::to_string(::getppid()) + "/fd/" + std::to_string(number);
    if (before.contains(number)) return open_numbers().contains(number);
    return !open_numbers().contains(number) &&
           wait_until([&] { return ::access(link.c_str(), F_OK) != 0; });
  };
  ::_exit(stays(0) && stays(1) && stays(2) ? 0 : 1);
}

std::vector<Opener> openers() {
  std::vector<Opener> all = {
      {"spawn", spawn_cat},
      {"spawn_again",
       [] {
         (void)spawn_cat();
         return spawn_cat();
       }},
      {"launch_by_fork", launch_cat_by_fork},
      {"subprocess",
       [] {
         auto loop = std::make_shared<IOLoop>();
         Subprocess child(cat, *loop);
         return hold(std::pair(std::move(loop), std::move(child)));
       }},
      {"reserve_descriptors_for_spawn",
       [] {
         reserve_descriptors_for_spawn();
         return std::shared_ptr<void>();
       }},
      {"fork_processes", fork_a_worker},
      {"audit", [] { return hold(audit_descriptors()); }},
      {"audit_of_another", [] { return hold(audit_descriptors(::getppid())); }},
      {"leak_scope", [] { return hold(LeakScope()); }},
      {"cpu_count", [] { return hold(cpu_count()); }},
      {"make_pipe", [] { return hold(make_pipe()); }},
      {"duplicate_the_null_device",
       [] { return hold(duplicate(open_file("/dev/null", 0).get())); }},
  };
  for (const PollerKind kind : working_poller_kinds()) {
    all.push_back({"loop_" + std::string(to_string(kind)), [kind] {
                     return std::make_shared<IOLoop>(LoopOptions{.poller = kind});
                   }});
  }
  for (const WakerKind kind : waker_kinds()) {
    all.push_back({"loop_woken_by_" + std::string(to_string(kind)), [kind] {
                     return std::make_shared<IOLoop>(LoopOptions{.waker = kind});
                   }});
  }
  return all;
}

class ClosedStreams : public testing::TestWithParam<Opener> {};

void expect_that_closed_streams_stay_closed(const Opener& opener) {
  for (int closed = 0; closed < 8; ++closed) {
    SCOPED_TRACE("closed: " + std::to_string(closed));
    EXPECT_TRUE(passes_in_child([&] {
      for (int fd = 0; fd < 3; ++fd) {
        if (closed & (1 << fd)) ::close(fd);
      }
      const auto held = opener.open();
      for (int fd = 0; fd < 3; ++fd) {
        EXPECT_EQ(open_numbers().contains(fd), (closed & (1 << fd)) == 0) << fd;
      }
    }));
  }
}

TEST_P(ClosedStreams, are_not_taken_by_the_library) {
  expect_that_closed_streams_stay_closed(GetParam());
}

TEST_P(ClosedStreams, are_not_taken_where_pidfds_are_opened_later) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  const Opener opener = {
      GetParam().name, [] {
        constexpr unsigned flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD;
        EXPECT_TRUE(deny({{SYS_clone, EPERM, {{0, flags}}},
                          {SYS_clone, EPERM, {{0, flags | CLONE_FILES}}}}));
        return GetParam().open();
      }};
  expect_that_closed_streams_stay_closed(opener);
}

INSTANTIATE_TEST_SUITE_P(, ClosedStreams, testing::ValuesIn(openers()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace tornado::test
