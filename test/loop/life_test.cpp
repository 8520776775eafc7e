// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

#include "every_loop.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/descriptors.h"
#include "support/limits.h"
#include "support/log_capture.h"
#include "support/pollers.h"
#include "support/signals.h"
#include "support/wait.h"
#include "tornado/log.h"

namespace tornado::test {
namespace {

class Life : public EveryLoop {};

TEST_P(Life, stop_before_start_is_kept_for_the_next_start_only) {
  loop.stop();
  loop.stop();
  bool ran = false;
  loop.add_callback([&] { ran = true; });
  start();
  EXPECT_FALSE(ran);
  turn();
  EXPECT_TRUE(ran);
}

TEST_P(Life, stop_from_another_thread_and_from_a_signal_handler) {
  static std::atomic<IOLoop*> stopped{nullptr};
  stopped = &loop;
  {
    Thread other([this] {
      wait_until([this] { return loop.running(); });
      loop.stop();
    });
    start();
  }
  const SignalScope handler(SIGUSR2, [](int) { stopped.load()->stop(); });
  const auto self = ::pthread_self();
  Thread other([&] {
    wait_until([this] { return loop.running(); });
    ::pthread_kill(self, SIGUSR2);
  });
  start();
}

TEST_P(Life, stop_lets_the_callbacks_of_the_turn_run) {
  int run = 0;
  loop.add_callback([&] { loop.stop(); });
  loop.add_callback([&] { ++run; });
  start();
  EXPECT_EQ(run, 1);
}

TEST_P(Life, other_threads_are_refused_by_name_while_it_runs) {
  const FdPair pipe = make_pipe();
  std::vector<std::error_code> errors;
  TimeoutHandle timeout = loop.call_later(1h, [] {});
  loop.add_callback([&] {
    Thread([&] {
      const auto ignore = [](NativeFd, Events) {};
      errors = {
          error_of([&] { loop.add_handler(pipe.first.get(), ignore, Events::read); }),
          error_of([&] { loop.update_handler(pipe.first.get(), Events::read); }),
          error_of([&] { loop.remove_handler(pipe.first.get()); }),
          error_of([&] { loop.call_later(1s, [] {}); }),
          error_of([&] { loop.remove_timeout({}); }),
          error_of([&] { loop.update_timeout(timeout, loop.time()); }),
          error_of([&] { loop.add_signal_handler(SIGUSR1, [](int) {}); }),
          error_of([&] { loop.remove_signal_handler(SIGUSR1); }),
          error_of([&] { loop.start(); }),
          error_of([&] { loop.run_sync([] {}); }),
          error_of([&] { loop.close(); }),
          error_of([&] { loop.set_exception_policy(ExceptionPolicy::log); }),
          error_of([&] {
            loop.handle_callback_exception([](const std::exception_ptr&) {});
          }),
          error_of([&] { loop.set_blocking_log_threshold(1s); }),
      };
    }).join();
    loop.stop();
  });
  start();
  ASSERT_EQ(errors.size(), 14u);
  for (const auto& error : errors) EXPECT_EQ(error, Errc::wrong_thread);
}

TEST_P(Life, may_be_run_by_one_thread_after_another) {
  int runs = 0;
  for (int i = 0; i < 3; ++i) {
    Thread([&] {
      loop.call_later(0ms, [&] {
        ++runs;
        loop.stop();
      });
      loop.start();
    }).join();
  }
  EXPECT_EQ(runs, 3);
}

TEST_P(Life, close_gives_every_descriptor_back) {
  loop.close();
  const std::set<int> before = open_numbers();
  for (const WakerKind kind : waker_kinds()) {
    IOLoop one(IOLoop::Options{GetParam(), kind, false});
    one.run_sync([] {});
    one.close();
    EXPECT_EQ(open_numbers(), before) << to_string(kind);
    one.close();
  }
}

TEST_P(Life, close_from_a_callback_happens_when_start_returns) {
  const FdPair pipe = make_pipe();
  bool more = false;
  loop.add_callback([&] {
    loop.close();
    loop.close();
  });
  loop.add_callback([&] { more = true; });
  loop.start();
  EXPECT_FALSE(more);
  EXPECT_EQ(error_of([&] { loop.start(); }), Errc::loop_closed);
  EXPECT_EQ(error_of([&] { loop.call_later(1s, [] {}); }), Errc::loop_closed);
  EXPECT_EQ(error_of([&] { loop.run_sync([] {}); }), Errc::loop_closed);
  EXPECT_EQ(error_of([&] { loop.after_fork(); }), Errc::loop_closed);
  EXPECT_EQ(text_of([&] { loop.start(); }), "start: the IOLoop is closed");
}

TEST_P(Life, close_from_a_handler_and_from_a_timeout) {
  const FdPair pipe = make_pipe();
  ASSERT_EQ(::write(pipe.second.get(), "x", 1), 1);
  loop.add_handler(
      pipe.first.get(), [&](NativeFd, Events) { loop.close(); }, Events::read);
  loop.start();
  EXPECT_TRUE(loop.handle().closed());
  IOLoop other(IOLoop::Options{GetParam(), WakerKind::best, false});
  other.call_later(0ms, [&] { other.close(); });
  other.start();
  EXPECT_TRUE(other.handle().closed());
}

TEST_P(Life, close_with_all_fds_from_a_callback_closes_them_when_start_returns) {
  FdPair pipe = make_pipe();
  struct Stubborn {
    NativeFd fileno() const { return fd.get(); }
    void close() {
      fd.reset();
      throw std::runtime_error("cannot be closed");
    }
    UniqueFd fd;
  } object{std::move(pipe.second)};
  const NativeFd number = pipe.first.release();
  const LogCapture log;
  loop.add_handler(
      number, [](NativeFd, Events) {}, Events::none);
  loop.add_handler(
      object, [](Stubborn&, Events) {}, Events::none);
  loop.add_callback([&] {
    loop.close(true);
    EXPECT_TRUE(open_numbers().contains(number));
  });
  loop.start();
  EXPECT_FALSE(open_numbers().contains(number));
  EXPECT_FALSE(object.fd);
  EXPECT_TRUE(log.contains("cannot be closed", LogLevel::error));
}

TEST_P(Life, its_destructor_within_its_callback_ends_the_program) {
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

TEST_P(Life, a_failed_construction_leaves_nothing_behind) {
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

TEST_P(Life, a_waker_that_is_reset_from_outside_is_rebuilt_once) {
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

TEST_P(Life, a_waker_that_cannot_be_rebuilt_does_not_stop_callbacks) {
  const ChildResult child = run_in_child([] {
    const std::set<int> before = open_numbers();
    IOLoop one(IOLoop::Options{GetParam(), WakerKind::socketpair, false});
    one.run_sync([] {});
    for (const int fd : open_numbers()) {
      if (!before.contains(fd)) ::shutdown(fd, SHUT_RDWR);
    }
    const DescriptorLimit nothing_more(static_cast<rlim_t>(3));
    set_log_sink([](LogLevel, std::string_view) noexcept {});
    Thread other([&] {
      for (int i = 0; i < 3; ++i) one.add_callback([] {});
      wait_until([&] { return one.counters().callbacks >= 4; });
      one.add_callback([&] { one.stop(); });
    });
    one.start();
    return std::to_string(one.counters().waker.rebuilt);
  });
  EXPECT_EQ(child.output, "0");
}

TEST_P(Life, counts_what_it_does) {
  const FdPair pipe = make_pipe();
  ASSERT_EQ(::write(pipe.second.get(), "x", 1), 1);
  loop.add_handler(
      pipe.first.get(), [&](NativeFd fd, Events) { loop.remove_handler(fd); },
      Events::read);
  loop.call_later(20ms, [&] { loop.stop(); });
  loop.add_callback([] {});
  EXPECT_EQ(loop.counters().queue_depth, 1u);
  loop.start();
  const LoopCounters counters = loop.counters();
  EXPECT_EQ(counters.queue_depth, 0u);
  EXPECT_EQ(counters.callbacks, 1u);
  EXPECT_EQ(counters.timeouts, 1u);
  EXPECT_EQ(counters.events, 1u);
  EXPECT_GT(counters.turns, 1u);
  EXPECT_GT(counters.asleep, 0ns);
  EXPECT_LE(counters.asleep, 60s);
}

TORNADO_ON_EVERY_POLLER(Life);

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
