// SPDX-License-Identifier: Apache-2.0
// The end of the program, or of a thread, while a loop runs; and signals in a child
// that does not take its parent's loop over.
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "every_loop.h"
#include "support/child.h"
#include "support/log_capture.h"
#include "support/signals.h"
#include "support/wait.h"
#include "tornado/periodic_callback.h"

namespace tornado::test {
namespace {

IOLoop::Options not_current(PollerKind kind) {
  return {kind, WakerKind::best, false};
}

struct AtExit : EveryLoop {
  /// What a child that ends by exit(7) has written through a buffer.
  std::string kept_by(const std::function<void()>& body) {
    FdPair pipe = make_pipe();
    const ChildResult child = run_in_child([&] {
      std::FILE* const file = ::fdopen(pipe.second.release(), "w");
      std::fputs("buffered", file);
      body();
      return std::string("exit() came back");
    });
    EXPECT_EQ(child.exit_status, 7) << child.output << " signal " << child.signal;
    pipe.second.reset();
    return read_to_end(pipe.first.get());
  }
};

TEST_P(AtExit, exit_in_a_callback_of_a_static_loop_keeps_output_and_status) {
  EXPECT_EQ(kept_by([] {
              static IOLoop one(not_current(GetParam()));
              static PeriodicCallback ticks(
                  one, [] {}, 1h);
              ticks.start();
              one.add_callback([] { std::exit(7); });
              one.start();
            }),
            "buffered");
}

TEST_P(AtExit, exit_beside_a_static_loop_of_a_thread_keeps_output_and_status) {
  EXPECT_EQ(kept_by([] {
              static IOLoop one(not_current(GetParam()));
              static PeriodicCallback ticks(
                  one, [] {}, 1ms);
              ticks.start();
              std::thread([] { one.start(); }).detach();
              wait_until([] { return one.counters().timeouts > 0; });
              std::exit(7);
            }),
            "buffered");
}

TEST_P(AtExit, exit_of_a_thread_that_never_met_a_loop_keeps_output_and_status) {
  EXPECT_EQ(kept_by([] {
              static IOLoop one(not_current(GetParam()));
              static std::atomic<bool> runs{false};
              one.add_callback([] { runs = true; });
              std::thread([] {
                while (!runs) std::this_thread::yield();
                set_log_sink([](LogLevel, std::string_view) noexcept {});
                std::exit(7);
              }).detach();
              one.start();
            }),
            "buffered");
}

/// A thread that ends in a callback of the loop, in the way of `end`.
template <class F>
void run_on_a_thread_that_ends(IOLoop& loop, F end) {
  struct Both {
    IOLoop& loop;
    F end;
  } both{loop, end};
  pthread_t thread;
  ASSERT_EQ(::pthread_create(
                &thread, nullptr,
                [](void* given) -> void* {
                  Both& way = *static_cast<Both*>(given);
                  way.end();
                  way.loop.start();
                  return nullptr;
                },
                &both),
            0);
  void* result = nullptr;
  ASSERT_EQ(::pthread_join(thread, &result), 0);
  EXPECT_NE(result, nullptr) << "start() came back";
}

struct EndOfThread : EveryLoop {
  /// By each way to a callback, under each policy.
  void expect_passes(const std::function<void()>& end) {
    const FdPair pipe = make_pipe();
    put_byte(pipe.second);
    const NativeFd fd = pipe.first.get();
    const std::function<void(IOLoop&)> ways[] = {
        [&](IOLoop& l) { l.add_callback(end); },
        [&](IOLoop& l) { l.spawn_callback(end); },
        [&](IOLoop& l) { l.call_later(0s, end); },
        [&](IOLoop& l) {
          l.add_handler(
              fd, [&](NativeFd, Events) { end(); }, Events::read);
        },
        [&](IOLoop& l) {
          l.add_signal_handler(SIGUSR1, [&](int) { end(); });
          ::raise(SIGUSR1);
        },
    };
    for (const auto& way : ways) {
      for (const auto policy : {ExceptionPolicy::log, ExceptionPolicy::rethrow}) {
        IOLoop one(not_current(GetParam()));
        one.set_exception_policy(policy);
        run_on_a_thread_that_ends(one, [&] { way(one); });
        EXPECT_FALSE(one.running());
        one.remove_handler(fd);
        one.remove_signal_handler(SIGUSR1);
        one.run_sync([] {});  // it is whole
      }
    }
    IOLoop one(not_current(GetParam()));
    one.handle_callback_exception([](const std::exception_ptr&) { ADD_FAILURE(); });
    run_on_a_thread_that_ends(one, [&] { one.add_callback(end); });
    run_on_a_thread_that_ends(one, [&] { one.run_sync([&] { end(); }); });
    PeriodicCallback ticks(one, end, 1ms);
    ticks.start();
    run_on_a_thread_that_ends(one, [] {});
    EXPECT_TRUE(ticks.is_running());
  }
};

TEST_P(EndOfThread, pthread_exit_in_a_callback_passes) {
  EXPECT_TRUE(passes_in_child([this] {
    expect_passes([] {
      static int result;
      ::pthread_exit(&result);
    });
  }));
}

TEST_P(EndOfThread, cancellation_in_a_callback_passes) {
  EXPECT_TRUE(passes_in_child([this] {
    expect_passes([] {
      ::pthread_cancel(::pthread_self());
      ::pthread_testcancel();
    });
  }));
}

TORNADO_ON_EVERY_POLLER(AtExit);
TORNADO_ON_EVERY_POLLER(EndOfThread);

/// What SIGTERM does to a child that has done `body`.
int signal_that_ends_a_child(IOLoop& loop, const std::function<void(IOLoop&)>& body) {
  const ChildResult child = run_in_child([&] {
    body(loop);
    ::raise(SIGTERM);
    return std::string("it is still here");
  });
  return child.signal;
}

struct SignalsInChild : testing::Test {
  IOLoop loop{not_current(PollerKind::best)};
};

TEST_F(SignalsInChild, end_a_child_that_did_not_take_over_as_they_did_before) {
  const SignalScope usual(SIGTERM, SIG_DFL);
  loop.add_signal_handler(SIGTERM, [](int) {});
  EXPECT_EQ(signal_that_ends_a_child(loop, [](IOLoop&) {}), SIGTERM);
  EXPECT_EQ(signal_that_ends_a_child(loop, [](IOLoop& l) { l.close(); }), SIGTERM);
  EXPECT_EQ(signal_that_ends_a_child(
                loop, [](IOLoop& l) { l.remove_signal_handler(SIGTERM); }),
            SIGTERM);
  EXPECT_EQ(signal_that_ends_a_child(loop, [](IOLoop& l) { l.after_fork(); }), 0);
}

TEST_F(SignalsInChild, call_the_handler_from_before) {
  static std::atomic<int> heard{0};
  static std::atomic<pid_t> sender{0};
  struct sigaction action {};
  struct sigaction before {};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = [](int, siginfo_t* info, void*) {
    ++heard;
    sender = info->si_pid;
  };
  ::sigaction(SIGUSR2, &action, &before);
  loop.add_signal_handler(SIGUSR2, [](int) {});
  EXPECT_TRUE(passes_in_child([&] {
    ::raise(SIGUSR2);
    EXPECT_EQ(heard, 1);
    EXPECT_EQ(sender, ::getpid());
    loop.after_fork();
    ::raise(SIGUSR2);
    EXPECT_EQ(heard, 1) << "the loop's";
  }));
  loop.remove_signal_handler(SIGUSR2);
  ::sigaction(SIGUSR2, &before, nullptr);
}

TEST_F(SignalsInChild, that_were_ignored_still_are_and_reach_the_loop_later) {
  for (void (*const before)(int) : {SIG_IGN, SIG_DFL}) {
    const SignalScope scope(SIGCHLD, before);  // whose default does nothing
    IOLoop one(not_current(PollerKind::best));
    bool heard = false;
    one.add_signal_handler(SIGCHLD, [&](int) {
      heard = true;
      one.stop();
    });
    EXPECT_TRUE(passes_in_child([&] {
      ::raise(SIGCHLD);
      one.after_fork();
      ::raise(SIGCHLD);
      one.start();
      EXPECT_TRUE(heard);
    }));
  }
}

}  // namespace
}  // namespace tornado::test
