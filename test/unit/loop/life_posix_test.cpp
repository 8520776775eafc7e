// SPDX-License-Identifier: Apache-2.0
// A loop's life with signals, limits, children, and somebody who meddles with sockets.
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>

#include "every_loop.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/descriptors.h"
#include "support/limits.h"
#include "support/pollers.h"
#include "support/signals.h"
#include "support/wait.h"
#include "tornado/log.h"

namespace tornado::test {
namespace {

class LifePosix : public EveryLoop {};

TEST_P(LifePosix, stop_from_a_signal_handler) {
  static std::atomic<IOLoop*> stopped{nullptr};
  stopped = &loop;
  const SignalScope handler(SIGUSR2, [](int) { stopped.load()->stop(); });
  const auto self = ::pthread_self();
  Thread other([&] {
    wait_until([this] { return loop.running(); });
    ::pthread_kill(self, SIGUSR2);
  });
  start();
}

TEST_P(LifePosix, its_destructor_within_its_callback_ends_the_program) {
  const ChildResult child = run_in_child([] {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    auto doomed = std::make_unique<IOLoop>(GetParam());
    doomed->add_callback([&] { doomed.reset(); });
    doomed->start();
    return std::string("survived");
  });
  EXPECT_EQ(child.signal, SIGABRT) << child.output;
}

TEST_P(LifePosix, close_gives_every_descriptor_back_wherever_the_loop_has_run) {
  loop.close();
  const std::set<int> before = open_numbers();
  IOLoop one(IOLoop::Options{GetParam(), WakerKind::best, false});
  one.run_sync([] {});
  Thread([&] { one.run_sync([] {}); }).join();
  Thread([&] {
    one.run_sync([] {});
    Thread([&] { one.close(); }).join();
    EXPECT_EQ(open_numbers(), before) << "while a thread that ran it lives";
  }).join();
  EXPECT_EQ(open_numbers(), before);
}

TEST_P(LifePosix, a_failed_construction_leaves_nothing_behind) {
  if (!descriptor_limit_holds()) GTEST_SKIP() << "not every call keeps to a limit";
  loop.close();
  const std::set<int> before = open_numbers();
  const auto limit_with_room_for = [&](int room) {
    int number = 3;
    for (; room > 0; ++number) room -= !before.contains(number);
    return static_cast<rlim_t>(number);
  };
  int failures = 0;
  int successes = 0;
  for (const WakerKind kind : waker_kinds()) {
    for (int room = 0; room < 8; ++room) {
      try {
        const DescriptorLimit limit(limit_with_room_for(room));
        IOLoop one(IOLoop::Options{GetParam(), kind, false});
        ++successes;
      } catch (const std::system_error& error) {
        ++failures;
        EXPECT_EQ(error.code(), std::errc::too_many_files_open) << error.what();
      }
      EXPECT_EQ(open_numbers(), before);
    }
  }
  EXPECT_GE(failures, 4);
  EXPECT_GE(successes, 8);
}

TEST_P(LifePosix, a_waker_that_is_reset_from_outside_is_rebuilt_once) {
  for (const WakerKind kind : {WakerKind::socketpair, WakerKind::tcp_pair}) {
    const std::set<int> before = open_numbers();
    IOLoop one(IOLoop::Options{GetParam(), kind, false});
    one.run_sync([] {});
    // Somebody who shuts down every socket that he finds.
    for (const int fd : open_numbers()) {
      if (!before.contains(fd)) ::shutdown(fd, SHUT_RDWR);
    }
    one.call_later(50ms, [&] { one.stop(); });
    one.start();
    EXPECT_EQ(one.counters().waker.rebuilt, 1u) << to_string(kind);
    EXPECT_LT(one.counters().turns, few_turns) << "it spins";
    Thread other([&] {
      wait_until([&] { return one.running(); });
      one.add_callback([&] { one.stop(); });
    });
    one.start();
    EXPECT_EQ(one.counters().waker.rebuilt, 1u);
  }
}

TEST_P(LifePosix, a_waker_that_cannot_be_rebuilt_does_not_stop_callbacks) {
  const ChildResult child = run_in_child([] {
    const std::set<int> before = open_numbers();
    IOLoop one(IOLoop::Options{GetParam(), WakerKind::socketpair, false});
    one.run_sync([] {});
    for (const int fd : open_numbers()) {
      if (!before.contains(fd)) ::shutdown(fd, SHUT_RDWR);
    }
    const DescriptorLimit nothing_more(static_cast<rlim_t>(3));
    set_log_sink([](LogLevel, std::string_view) noexcept {});
    for (int round = 1; round <= 2; ++round) {
      Thread other([&] {
        const std::uint64_t run = one.counters().callbacks;
        for (int i = 0; i < 3; ++i) one.add_callback([] {});
        wait_until([&] { return one.counters().callbacks >= run + 3; });
        one.add_callback([&] { one.stop(); });
      });
      one.start();
      // Farther away than a loop without a waker may sleep.
      one.call_later(1h, [] {});
    }
    one.call_later(1ms, [&] { one.stop(); });
    one.start();
    return std::to_string(one.counters().waker.rebuilt);
  });
  EXPECT_EQ(child.output, "0");
}

TORNADO_ON_EVERY_POLLER(LifePosix);

TEST(LoopChoice, takes_the_poller_and_the_waker_from_the_environment) {
  for (const PollerKind kind : working_poller_kinds()) {
    const ChildResult child = run_in_child([kind] {
      ::setenv("TORNADO_POLLER", std::string(to_string(kind)).c_str(), 1);
      IOLoop loop;
      return std::string(to_string(loop.poller()));
    });
    EXPECT_EQ(child.output, to_string(kind));
  }
}

TEST(LoopChoice, names_what_it_cannot_choose) {
  const ChildResult child = run_in_child([] {
    ::setenv("TORNADO_POLLER", "nonsense", 1);
    return text_of([] { IOLoop loop; });
  });
  EXPECT_NE(child.output.find("TORNADO_POLLER=nonsense"), std::string::npos)
      << child.output;
}

TEST(LoopChoice, falls_to_the_next_poller_when_one_is_forbidden) {
  if (!can_deny()) GTEST_SKIP() << "system calls cannot be denied here";
  const ChildResult child = run_in_child([] {
    ::unsetenv("TORNADO_POLLER");
    if (!deny({{SYS_epoll_create1, EPERM}})) return std::string("not denied");
    IOLoop loop;
    return loop.run_sync([&] { return std::string(to_string(loop.poller())); });
  });
  EXPECT_EQ(child.output, "poll");
}

}  // namespace
}  // namespace tornado::test
