// SPDX-License-Identifier: Apache-2.0
// The cases of Tornado 4.5.3's ioloop_test.py, class TestIOLoop, under their own names.
// docs/differences.md names the cases that are left out, with reasons.
#include <array>
#include <stdexcept>
#include <thread>

#include "every_loop.h"
#include "support/log_capture.h"
#include "support/open_numbers.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

class TestIOLoop : public EveryLoop {};

TEST_P(TestIOLoop, test_add_callback_return_sequence) {
  // A callback that returns something does not make the loop spin.
  loop.add_callback([] { return 7; });
  loop.call_later(50ms, [this] { loop.stop(); });
  start();
  EXPECT_EQ(loop.counters().callbacks, 1u);
  EXPECT_LT(loop.counters().turns, few_turns);
}

TEST_P(TestIOLoop, test_add_callback_wakeup) {
  // It would sleep until the alarm of start() if the callback did not end the wait.
  bool called = false;
  loop.add_callback([&] {
    loop.add_callback([&] {
      called = true;
      loop.stop();
    });
  });
  start();
  EXPECT_TRUE(called);
}

TEST_P(TestIOLoop, test_add_callback_wakeup_other_thread) {
  bool called = false;
  Thread other([&] {
    wait_until([&] { return loop.running(); });
    // It polls by then, as in Tornado.
    std::this_thread::sleep_for(10ms);
    loop.add_callback([&] {
      called = true;
      loop.stop();
    });
  });
  start();
  EXPECT_TRUE(called);
}

TEST_P(TestIOLoop, test_add_callback_from_signal) {
  ASSERT_TRUE(loop.add_callback_from_signal([this] { loop.stop(); }));
  start();
}

TEST_P(TestIOLoop, test_add_callback_from_signal_other_thread) {
  IOLoop other_loop(GetParam());
  Thread thread([&] { other_loop.start(); });
  ASSERT_TRUE(
      other_loop.add_callback_from_signal([&other_loop] { other_loop.stop(); }));
  thread.join();
  other_loop.close();
}

TEST_P(TestIOLoop, test_add_callback_while_closing) {
  for (int round = 0; round < 20; ++round) {
    IOLoop closing(IOLoop::Options{GetParam(), WakerKind::best, false});
    const auto alive = std::make_shared<int>(0);
    Thread closer([&] {
      closing.add_callback([&] { closing.stop(); });
      closing.start();
      closing.close(true);
    });
    for (int i = 0; i < 1000; ++i) closing.add_callback([alive] {});
    closer.join();
    EXPECT_FALSE(closing.add_callback([alive] {}));
    EXPECT_EQ(alive.use_count(), 1) << "some were neither run nor destroyed";
  }
}

TEST_P(TestIOLoop, test_handle_callback_exception) {
  std::string seen;
  loop.handle_callback_exception([&](const std::exception_ptr& exception) {
    EXPECT_EQ(exception, std::current_exception()) << "not within the catch";
    try {
      std::rethrow_exception(exception);
    } catch (const std::runtime_error& error) {
      seen = error.what();
    }
  });
  loop.add_callback([] { throw std::runtime_error("oops"); });
  turn();
  EXPECT_EQ(seen, "oops");
}

TEST_P(TestIOLoop, test_exception_logging) {
  const LogCapture log;
  bool next = false;
  loop.add_callback([] { throw std::runtime_error("division by zero"); });
  loop.add_callback([&] { next = true; });
  turn();
  EXPECT_TRUE(log.contains("Exception in callback", LogLevel::error));
  EXPECT_TRUE(log.contains("division by zero", LogLevel::error));
  EXPECT_TRUE(log.contains("tornado_ioloop_test.cpp", LogLevel::error));
  EXPECT_TRUE(next);
}

TEST_P(TestIOLoop, test_spawn_callback) {
  const LogCapture log;
  loop.set_exception_policy(ExceptionPolicy::rethrow);
  loop.spawn_callback([] { throw std::runtime_error("spawned"); });
  turn();
  EXPECT_TRUE(log.contains("spawned", LogLevel::error));
  loop.add_callback([] { throw std::runtime_error("added"); });
  EXPECT_THROW(loop.start(), std::runtime_error);
}

TEST_P(TestIOLoop, test_add_timeout_timedelta) {
  loop.add_timeout(1us, [this] { loop.stop(); });
  start();
}

TEST_P(TestIOLoop, test_remove_timeout_after_fire) {
  const TimeoutHandle timeout = loop.call_at(loop.time(), [this] { loop.stop(); });
  start();
  EXPECT_FALSE(loop.remove_timeout(timeout));
}

TEST_P(TestIOLoop, test_remove_timeout_cleanup) {
  for (int i = 0; i < 2000; ++i) {
    EXPECT_TRUE(loop.remove_timeout(loop.add_timeout(1h, [] { FAIL(); })));
  }
  turn();
  turn();
}

TEST_P(TestIOLoop, test_remove_timeout_from_timeout) {
  const TimePoint now = loop.time();
  bool first = false;
  bool second = false;
  TimeoutHandle later;
  loop.call_at(now, [&] {
    first = true;
    EXPECT_TRUE(loop.remove_timeout(later));
  });
  later = loop.call_at(now, [&] { second = true; });
  loop.call_later(1ms, [this] { loop.stop(); });
  start();
  EXPECT_TRUE(first);
  EXPECT_FALSE(second);
}

TEST_P(TestIOLoop, test_timeout_with_arguments) {
  // A lambda has its arguments with it; what remains is the order.
  std::vector<int> order;
  loop.add_timeout(loop.time(), [&] { order.push_back(1); });
  loop.add_timeout(0ns, [&] { order.push_back(2); });
  loop.call_at(loop.time(), [&] { order.push_back(3); });
  loop.call_later(0ns, [&] { order.push_back(4); });
  loop.call_later(0ns, [this] { loop.stop(); });
  start();
  EXPECT_EQ(order, (std::vector{1, 2, 3, 4}));
}

TEST_P(TestIOLoop, test_add_timeout_return) {
  EXPECT_TRUE(loop.remove_timeout(loop.add_timeout(1h, [] {})));
}
TEST_P(TestIOLoop, test_call_at_return) {
  EXPECT_TRUE(loop.remove_timeout(loop.call_at(loop.time() + 1h, [] {})));
}
TEST_P(TestIOLoop, test_call_later_return) {
  EXPECT_TRUE(loop.remove_timeout(loop.call_later(1h, [] {})));
}

TEST_P(TestIOLoop, test_multiple_add) {
  const FdPair pair = make_socket_pair();
  const NativeFd fd = pair.first.get();
  loop.add_handler(
      fd, [](NativeFd, Events) {}, Events::read);
  const auto again = [&] {
    loop.add_handler(
        fd, [](NativeFd, Events) {}, Events::read);
  };
  EXPECT_EQ(error_of(again), std::errc::file_exists);
  EXPECT_NE(text_of(again).find("add_handler fd " + std::to_string(fd)),
            std::string::npos);
}

TEST_P(TestIOLoop, test_remove_without_add) {
  const FdPair pair = make_socket_pair();
  EXPECT_NO_THROW(loop.remove_handler(pair.first.get()));
}

TEST_P(TestIOLoop, test_read_while_writeable) {
  const FdPair pair = make_socket_pair();
  Events seen = Events::none;
  loop.add_handler(
      pair.first.get(),
      [&](NativeFd, Events events) {
        seen = events;
        loop.stop();
      },
      Events::read);
  loop.call_later(10ms, [&] { put_byte(pair.second); });
  start();
  EXPECT_EQ(seen, Events::read);
}

/// A file object, as Tornado calls it.
struct Socket {
  explicit Socket(UniqueFd owned) : fd(std::move(owned)) {}
  NativeFd fileno() const { return fd.get(); }
  void close() {
    ++closed;
    fd.reset();
  }
  UniqueFd fd;
  int closed = 0;
};

TEST_P(TestIOLoop, test_close_file_object) {
  FdPair pair = make_socket_pair();
  Socket object(std::move(pair.first));
  loop.add_handler(
      object, [](Socket&, Events) {}, Events::read);
  loop.add_handler(
      pair.second.get(), [](NativeFd, Events) {}, Events::read);
  loop.close(true);
  EXPECT_EQ(object.closed, 1);
  EXPECT_FALSE(open_numbers().contains(pair.second.release()))
      << "the number was not closed";
}

TEST_P(TestIOLoop, a_file_object_that_was_removed_by_its_number_is_not_closed) {
  FdPair pair = make_socket_pair();
  Socket object(std::move(pair.first));
  loop.add_handler(
      object, [](Socket&, Events) {}, Events::read);
  loop.remove_handler(object.fileno());
  const NativeFd number = object.fd.release();
  loop.add_handler(
      number, [](NativeFd, Events) {}, Events::read);
  loop.close(true);
  EXPECT_EQ(object.closed, 0);
  EXPECT_FALSE(open_numbers().contains(number)) << "the number was not closed";
}

TEST_P(TestIOLoop, test_handler_callback_file_object) {
  FdPair pair = make_socket_pair();
  Socket object(std::move(pair.first));
  const Socket* got = nullptr;
  put_byte(pair.second);
  loop.add_handler(
      object,
      [&](Socket& self, Events) {
        got = &self;
        loop.remove_handler(self);
        loop.stop();
      },
      Events::read);
  start();
  EXPECT_EQ(got, &object);
  NativeFd number = invalid_fd;
  loop.add_handler(
      object.fileno(),
      [&](NativeFd fd, Events) {
        number = fd;
        loop.remove_handler(object);
        loop.stop();
      },
      Events::read);
  start();
  EXPECT_EQ(number, object.fileno());
}

TEST_P(TestIOLoop, test_mixed_fd_fileobj) {
  FdPair pair = make_socket_pair();
  Socket object(std::move(pair.first));
  loop.add_handler(
      object, [](Socket&, Events) {}, Events::read);
  EXPECT_EQ(error_of([&] {
              loop.add_handler(
                  object.fileno(), [](NativeFd, Events) {}, Events::read);
            }),
            std::errc::file_exists);
}

TEST_P(TestIOLoop, test_remove_handler_from_handler) {
  const FdPair one = make_socket_pair();
  const FdPair two = make_socket_pair();
  put_byte(one.second);
  put_byte(two.second);
  std::size_t chunks = 0;
  const auto handler = [&](NativeFd fd, Events) {
    chunks += drain(fd);
    loop.remove_handler(one.first.get());
    loop.remove_handler(two.first.get());
  };
  loop.add_handler(one.first.get(), handler, Events::read);
  loop.add_handler(two.first.get(), handler, Events::read);
  turn();
  EXPECT_EQ(chunks, 1u);
}

TEST_P(TestIOLoop, test_reentrant) {
  std::error_code error;
  loop.add_callback([&] {
    error = error_of([&] { loop.start(); });
    loop.stop();
  });
  start();
  EXPECT_EQ(error, Errc::loop_running);
}

TORNADO_ON_EVERY_POLLER(TestIOLoop);

class TestIOLoopAddCallback : public EveryLoop {};

TEST_P(TestIOLoopAddCallback, test_pre_wrap_with_args) {
  std::vector<int> got;
  const auto with_arguments = [&](int a, int b) { got = {a, b}; };
  loop.add_callback([=] { with_arguments(1, 2); });
  turn();
  EXPECT_EQ(got, (std::vector{1, 2}));
}

TORNADO_ON_EVERY_POLLER(TestIOLoopAddCallback);

class TestIOLoopAddCallbackFromSignal : public EveryLoop {};

TEST_P(TestIOLoopAddCallbackFromSignal, test_pre_wrap_with_args) {
  std::vector<int> got;
  auto* target = &got;
  const std::array args{1, 2};
  ASSERT_TRUE(loop.add_callback_from_signal(
      [target, args] { target->assign(args.begin(), args.end()); }));
  turn();
  EXPECT_EQ(got, (std::vector{1, 2}));
}

TORNADO_ON_EVERY_POLLER(TestIOLoopAddCallbackFromSignal);

}  // namespace
}  // namespace tornado::test
