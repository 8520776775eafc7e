// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

#include "every_loop.h"
#include "support/child.h"
#include "support/wait.h"
#include "tornado/log.h"

namespace tornado::test {
namespace {

class Forked : public EveryLoop {};

TEST_P(Forked, every_change_in_the_child_is_refused_by_name) {
  const FdPair pipe = make_pipe();
  loop.add_handler(pipe.first.get(), ignore_events, Events::read);
  EXPECT_TRUE(passes_in_child([&] {
    const auto refused = [](auto call) {
      EXPECT_EQ(error_of(call), Errc::loop_forked);
    };
    refused([&] { loop.start(); });
    refused([&] { loop.run_sync([] {}); });
    refused([&] { loop.add_handler(pipe.second.get(), ignore_events, Events::write); });
    refused([&] { loop.update_handler(pipe.first.get(), Events::none); });
    refused([&] { loop.call_later(1s, [] {}); });
    refused([&] { loop.add_signal_handler(SIGUSR1, [](int) {}); });
    refused([&] { loop.set_blocking_log_threshold(1s); });
    refused([&] { loop.set_exception_policy(ExceptionPolicy::rethrow); });
    refused([&] { loop.handle_callback_exception([](const std::exception_ptr&) {}); });
    EXPECT_FALSE(loop.add_callback([] {}));
    EXPECT_FALSE(loop.spawn_callback([] {}));
    EXPECT_FALSE(loop.add_callback_from_signal([] {}));
    EXPECT_TRUE(loop.handle().closed());
    loop.stop();
    EXPECT_NE(text_of([&] { loop.start(); }).find("after_fork"), std::string::npos);
  }));
  turn();
}

TEST_P(Forked, the_child_makes_the_loop_its_own_with_all_that_was_in_it) {
  const FdPair pipe = make_pipe();
  int callbacks = 0;
  int reads = 0;
  bool signalled = false;
  loop.add_handler(
      pipe.first.get(),
      [&](NativeFd fd, Events) {
        char byte;
        reads += static_cast<int>(::read(fd, &byte, 1));
        loop.stop();
      },
      Events::read);
  loop.add_callback([&] { ++callbacks; });
  loop.call_later(1ms, [&] { EXPECT_EQ(::write(pipe.second.get(), "x", 1), 1); });
  loop.add_signal_handler(SIGUSR1, [&](int) {
    signalled = true;
    loop.stop();
  });
  EXPECT_TRUE(passes_in_child([&] {
    loop.after_fork();
    loop.after_fork();
    start();
    EXPECT_EQ(callbacks, 1);
    EXPECT_EQ(reads, 1);
    ::raise(SIGUSR1);
    start();
    EXPECT_TRUE(signalled);
    Thread other([&] { loop.handle().add_callback([&] { loop.stop(); }); });
    start();
    EXPECT_EQ(loop.run_sync([] { return 7; }), 7);
    loop.close();
  }));
  // The parent's own run is what it would have been.
  start();
  EXPECT_EQ(callbacks, 1);
  EXPECT_EQ(reads, 1);
}

TEST_P(Forked, forgets_what_was_closed_without_being_removed) {
  FdPair open = make_pipe();
  UniqueFd closed(::fcntl(open.first.get(), F_DUPFD_CLOEXEC, 500));
  int reads = 0;
  const auto read = [&](NativeFd, Events) {
    ++reads;
    loop.stop();
  };
  loop.add_handler(closed.get(), read, Events::read);
  loop.add_handler(open.first.get(), read, Events::read);
  EXPECT_TRUE(passes_in_child([&] {
    closed.reset();  // and no other code takes so large a number
    loop.after_fork();
    EXPECT_EQ(::write(open.second.get(), "x", 1), 1);
    start();
    EXPECT_EQ(reads, 1);
  }));
}

TEST_P(Forked, wakes_reach_the_parent_whatever_the_child_does_with_its_copy) {
  for (const WakerKind kind : waker_kinds()) {
    IOLoop parent(IOLoop::Options{GetParam(), kind, false});
    const FdPair pipe = make_pipe();
    int arrived = 0;
    parent.add_handler(
        pipe.first.get(), [&](NativeFd, Events) { ADD_FAILURE(); }, Events::read);
    Thread play([&] {
      // Every way in which a child can get at the parent's kernel objects.
      EXPECT_TRUE(passes_in_child([&] {
        for (int i = 0; i < 100; ++i) parent.add_callback([] {});
        for (int i = 0; i < 100; ++i) parent.stop();
        EXPECT_EQ(error_of([&] { parent.start(); }), Errc::loop_forked);
        parent.after_fork();
        parent.remove_handler(pipe.first.get());
        for (int i = 0; i < 100; ++i) parent.run_sync([] {});
        parent.close(true);
      }));
      for (int i = 0; i < 100; ++i) {
        std::atomic<bool> heard{false};
        parent.add_callback([&] {
          ++arrived;
          heard = true;
        });
        EXPECT_TRUE(wait_until([&] { return heard.load(); })) << to_string(kind);
      }
      parent.stop();
    });
    parent.start();
    EXPECT_EQ(arrived, 100) << to_string(kind);
  }
}

TEST_P(Forked, the_destructor_of_the_copy_leaves_the_parents_set_alone) {
  const FdPair pipe = make_pipe();
  auto mine = std::make_unique<IOLoop>(IOLoop::Options{GetParam(), {}, false});
  mine->add_handler(
      pipe.first.get(), [&](NativeFd, Events) { mine->stop(); }, Events::read);
  EXPECT_TRUE(passes_in_child([&] { mine.reset(); }));
  EXPECT_TRUE(passes_in_child([&] { mine->close(); }));
  ASSERT_EQ(::write(pipe.second.get(), "x", 1), 1);
  mine->start();
}

TEST_P(Forked, closing_all_descriptors_of_the_copy_leaves_the_parents_alone) {
  const FdPair pipe = make_pipe();
  int calls = 0;
  loop.add_handler(
      pipe.first.get(),
      [&](NativeFd, Events) {
        ++calls;
        loop.stop();
      },
      Events::read);
  EXPECT_TRUE(passes_in_child([&] {
    loop.close(true);
    EXPECT_EQ(::fcntl(pipe.first.get(), F_GETFD), -1) << "it is still open";
  }));
  EXPECT_EQ(::write(pipe.second.get(), "x", 1), 1);
  start();
  EXPECT_EQ(calls, 1);
}

TEST_P(Forked, a_loop_that_runs_in_the_parent_may_be_closed_and_destroyed) {
  auto running = std::make_unique<IOLoop>(IOLoop::Options{GetParam(), {}, false});
  const auto close_and_destroy = [&] {
    EXPECT_TRUE(passes_in_child([&] {
      running->close();
      EXPECT_EQ(error_of([&] { running->start(); }), Errc::loop_closed);
      running.reset();
    }));
    EXPECT_TRUE(passes_in_child([&] { running.reset(); }));
  };
  Thread other([&] {
    wait_until([&] { return running->running(); });
    close_and_destroy();
    running->stop();
  });
  running->start();
  other.join();
}

TEST_P(Forked, a_callback_may_fork_and_the_child_destroy_the_loop) {
  auto running = std::make_unique<IOLoop>(IOLoop::Options{GetParam(), {}, false});
  running->add_callback([&] {
    EXPECT_TRUE(passes_in_child([&] { running.reset(); }));
    running->stop();
  });
  running->start();
}

TEST_P(Forked, a_child_that_returns_into_the_running_loop_leaves_it) {
  int later = 0;
  bool in_child = false;
  int report[2];
  ASSERT_EQ(::pipe(report), 0);
  loop.add_callback([&] {
    const pid_t pid = ::fork();
    in_child = pid == 0;
  });
  loop.add_callback([&] { ++later; });
  std::error_code error;
  loop.add_callback([&] { loop.stop(); });
  try {
    loop.start();
  } catch (const std::system_error& thrown) {
    error = thrown.code();
  }
  if (in_child) {
    const char right = error == Errc::loop_forked && later == 0 ? 'y' : 'n';
    ::_exit(::write(report[1], &right, 1) == 1 ? 0 : 1);
  }
  EXPECT_FALSE(error);
  EXPECT_EQ(later, 1);
  char right = '?';
  EXPECT_EQ(::read(report[0], &right, 1), 1);
  EXPECT_EQ(right, 'y');
  ::close(report[0]);
  ::close(report[1]);
}

TEST_P(Forked, a_callback_may_fork_and_the_child_go_on_with_the_loop) {
  int report[2];
  ASSERT_EQ(::pipe(report), 0);
  bool in_child = false;
  int after = 0;
  loop.add_callback([&] {
    in_child = ::fork() == 0;
    if (in_child) loop.after_fork();
  });
  loop.add_callback([&] { ++after; });
  loop.call_later(1ms, [&] { loop.stop(); });
  loop.start();
  if (in_child) {
    const char right = after == 1 ? 'y' : 'n';
    ::_exit(::write(report[1], &right, 1) == 1 ? 0 : 1);
  }
  EXPECT_EQ(after, 1);
  char right = '?';
  EXPECT_EQ(::read(report[0], &right, 1), 1);
  EXPECT_EQ(right, 'y');
  ::close(report[0]);
  ::close(report[1]);
}

TEST_P(Forked, the_child_does_not_arm_a_one_shot_that_has_fired) {
  const FdPair pipe = make_pipe();
  int shots = 0;
  const Events once = Events::read | Events::one_shot;
  const auto refused = error_of([&] {
    loop.add_handler(
        pipe.first.get(), [&](NativeFd, Events) { ++shots; }, once);
  });
  if (refused) return;  // no poller for one_shot
  put_byte(pipe.second);
  turn();
  EXPECT_TRUE(passes_in_child([&] {
    loop.after_fork();
    turn();
    EXPECT_EQ(shots, 1);
    loop.update_handler(pipe.first.get(), once);
    turn();
    EXPECT_EQ(shots, 2);
  }));
}

TEST_P(Forked, a_grandchild_finds_the_childs_loop_foreign) {
  EXPECT_TRUE(passes_in_child([&] {
    loop.after_fork();
    EXPECT_TRUE(passes_in_child([&] {
      EXPECT_EQ(error_of([&] { loop.start(); }), Errc::loop_forked);
      loop.after_fork();
      EXPECT_EQ(loop.run_sync([] { return 1; }), 1);
    }));
    EXPECT_EQ(loop.run_sync([] { return 2; }), 2);
  }));
}

TEST_P(Forked, while_other_threads_post_the_child_is_not_blocked_by_their_lock) {
  std::atomic<bool> done{false};
  // Not more than the loop can take, or its turns grow without end.
  std::atomic<int> waiting{0};
  Thread poster([&] {
    while (!done) {
      if (waiting < 1000 && ++waiting > 0) loop.add_callback([&] { --waiting; });
    }
  });
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(passes_in_child([&] {
      set_log_sink([](LogLevel, std::string_view) noexcept {});
      loop.after_fork();
      EXPECT_EQ(loop.run_sync([] { return 3; }), 3);
    }));
    turn();
  }
  done = true;
}

TORNADO_ON_EVERY_POLLER(Forked);

}  // namespace
}  // namespace tornado::test
