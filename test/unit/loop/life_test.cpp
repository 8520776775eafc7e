// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>

#include "every_loop.h"
#include "support/deliver.h"
#include "support/log_capture.h"
#include "support/open_numbers.h"
#include "support/wait.h"
#include "tornado/log.h"

namespace tornado::test {
namespace {

class Life : public EveryLoop {};

TEST_P(Life, stop_from_another_thread) {
  Thread other([this] {
    wait_until([this] { return loop.running(); });
    loop.stop();
  });
  start();
}

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

TEST_P(Life, stop_lets_the_callbacks_of_the_turn_run) {
  int run = 0;
  loop.add_callback([&] { loop.stop(); });
  loop.add_callback([&] { ++run; });
  start();
  EXPECT_EQ(run, 1);
}

TEST_P(Life, other_threads_may_not_change_it_while_it_runs) {
  const FdPair pipe = make_pipe();
  std::vector<std::error_code> errors;
  TimeoutHandle timeout = loop.call_later(1h, [] {});
  loop.add_callback([&] {
    Thread([&] {
      errors = {
          error_of(
              [&] { loop.add_handler(pipe.first.get(), ignore_events, Events::read); }),
          error_of([&] { loop.update_handler(pipe.first.get(), Events::read); }),
          error_of([&] { loop.call_later(1s, [] {}); }),
          error_of([&] { loop.update_timeout(timeout, loop.time()); }),
          error_of([&] { loop.add_signal_handler(a_signal, [](int) {}); }),
          error_of([&] { loop.start(); }),
          error_of([&] { loop.run_sync([] {}); }),
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
  ASSERT_EQ(errors.size(), 10u);
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
  const std::set<NativeFd> before = open_numbers();
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
  put_byte(pipe.second);
  loop.add_handler(
      pipe.first.get(), [&](NativeFd, Events) { loop.close(); }, Events::read);
  loop.start();
  EXPECT_TRUE(loop.handle().closed());
  IOLoop other(IOLoop::Options{GetParam(), WakerKind::best, false});
  other.call_later(0ms, [&] { other.close(); });
  other.start();
  EXPECT_TRUE(other.handle().closed());
}

// Two of each kind are there, and the first that runs closes the loop.
TEST_P(Life, close_lets_nothing_more_of_the_turn_run) {
  const FdPair pipes[] = {make_pipe(), make_pipe()};
  for (const FdPair& pipe : pipes) put_byte(pipe.second);
  IOLoop::Options options{GetParam(), WakerKind::best, false};
  int ran = 0;
  const auto only_one_runs = [&](auto add) {
    IOLoop one(options);
    const auto close = [&] {
      ++ran;
      one.close();
    };
    ran = 0;
    add(one, close);
    one.start();
    EXPECT_EQ(ran, 1);
  };
  only_one_runs([&](IOLoop& one, auto close) {
    for (const FdPair& pipe : pipes) {
      one.add_handler(
          pipe.first.get(), [close](NativeFd, Events) { close(); }, Events::read);
    }
  });
  only_one_runs([](IOLoop& one, auto close) {
    for (int i = 0; i < 2; ++i) one.call_at(TimePoint(), close);
  });
  only_one_runs([](IOLoop& one, auto close) {
    for (const int signal : {a_signal, another_signal}) {
      one.add_signal_handler(signal, [close](int) { close(); });
      deliver(signal);
    }
  });
  only_one_runs([](IOLoop& one, auto close) {
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(one.add_callback_from_signal(close));
  });
  only_one_runs([](IOLoop& one, auto close) {
    one.add_callback(close);
    one.handle().add_callback(close);
  });
  options.turns = TurnPolicy::bounded;
  only_one_runs([](IOLoop& one, auto close) {
    one.add_callback([&one, close] {
      one.add_callback(close);
      close();
    });
  });
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

TEST_P(Life, counts_what_it_does) {
  const FdPair pipe = make_pipe();
  put_byte(pipe.second);
  loop.add_handler(
      pipe.first.get(), [&](NativeFd fd, Events) { loop.remove_handler(fd); },
      Events::read);
  loop.call_later(200ms, [&] { loop.stop(); });
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

}  // namespace
}  // namespace tornado::test
