// SPDX-License-Identifier: Apache-2.0
#include <new>
#include <stdexcept>

#include "every_loop.h"
#include "support/deliver.h"
#include "support/log_capture.h"
#include "support/wait.h"
#include "tornado/periodic_callback.h"

namespace tornado::test {
namespace {

struct Oops : std::runtime_error {
  Oops() : std::runtime_error("oops") {}
};

class Exceptions : public EveryLoop {
 protected:
  /// Makes everything that a loop calls throw `thrown` once.
  template <class T>
  void throw_everywhere(T thrown) {
    put_byte(pipe_.second);
    loop.add_callback([=] { throw thrown; });
    loop.call_later(0ms, [=] { throw thrown; });
    EXPECT_TRUE(loop.add_callback_from_signal([] { throw T(); }));
    loop.add_signal_handler(a_signal, [this, thrown](int signal) {
      loop.remove_signal_handler(signal);
      throw thrown;
    });
    loop.add_handler(
        pipe_.first.get(),
        [this, thrown](NativeFd fd, Events) {
          loop.remove_handler(fd);
          throw thrown;
        },
        Events::read);
    deliver(a_signal);
  }

  FdPair pipe_ = make_pipe();
};

TEST_P(Exceptions, of_every_callback_are_logged_and_the_loop_goes_on) {
  const LogCapture log;
  throw_everywhere(Oops());
  turn();
  turn();
  throw_everywhere(std::bad_alloc());
  turn();
  turn();
  throw_everywhere(42);
  turn();
  turn();
  EXPECT_EQ(log.count(LogLevel::error), 15u);
  EXPECT_TRUE(log.contains("not a std::exception"));
}

TEST_P(Exceptions, of_every_callback_leave_start_if_that_is_the_policy) {
  loop.set_exception_policy(ExceptionPolicy::rethrow);
  throw_everywhere(42);
  for (int i = 0; i < 5; ++i) EXPECT_THROW(loop.start(), int);
  turn();
  throw_everywhere(Oops());
  for (int i = 0; i < 5; ++i) EXPECT_THROW(loop.start(), Oops);
  PeriodicCallback ticks(
      loop, [] { throw Oops(); }, 1ms);
  ticks.start();
  for (int i = 0; i < 3; ++i) EXPECT_THROW(loop.start(), Oops);
  ticks.stop();
  turn();
}

TEST_P(Exceptions, leave_start_one_by_one_and_nothing_else_is_lost) {
  loop.set_exception_policy(ExceptionPolicy::rethrow);
  int run = 0;
  const FdPair other = make_pipe();
  for (int i = 0; i < 3; ++i) {
    loop.add_callback([] { throw std::runtime_error("one"); });
    loop.add_callback([&] { ++run; });
    loop.call_later(0ms, [] { throw std::runtime_error("two"); });
    loop.call_later(0ms, [&] { ++run; });
  }
  int thrown = 0;
  loop.call_later(1ms, [&] { loop.stop(); });
  for (bool stopped = false; !stopped;) {
    try {
      loop.start();
      stopped = true;
    } catch (const std::runtime_error&) {
      ++thrown;
    }
    EXPECT_FALSE(loop.running());
  }
  EXPECT_EQ(thrown, 6);
  EXPECT_EQ(run, 6);
}

TEST_P(Exceptions, that_leave_start_keep_the_events_that_were_reported) {
  loop.set_exception_policy(ExceptionPolicy::rethrow);
  std::vector<FdPair> pipes;
  int read = 0;
  for (int i = 0; i < 5; ++i) {
    FdPair& pipe = pipes.emplace_back(make_pipe());
    put_byte(pipe.second);
    loop.add_handler(
        pipe.first.get(),
        [&](NativeFd fd, Events) {
          ++read;
          loop.remove_handler(fd);
          throw std::runtime_error("handler");
        },
        Events::read);
  }
  for (int i = 0; i < 5; ++i) EXPECT_THROW(loop.start(), std::runtime_error);
  EXPECT_EQ(read, 5);
  turn();
}

TEST_P(Exceptions, go_to_the_handler_whose_own_leave_start) {
  int handled = 0;
  loop.handle_callback_exception([&](const std::exception_ptr& exception) {
    if (++handled == 2) std::rethrow_exception(exception);
  });
  loop.add_callback([] { throw std::logic_error("first"); });
  loop.add_callback([] { throw std::domain_error("second"); });
  EXPECT_THROW(loop.start(), std::domain_error);
  EXPECT_EQ(handled, 2);
  turn();
  EXPECT_EQ(error_of([&] { loop.handle_callback_exception(nullptr); }),
            std::errc::invalid_argument);
}

TEST_P(Exceptions, find_a_handler_whole_that_replaces_itself) {
  const std::string name(100, 'n');
  std::string seen;
  int later = 0;
  // What a handler captures is destroyed with it, and may come back to the loop.
  struct Comeback {
    IOLoop* loop;
    std::shared_ptr<int> last = std::make_shared<int>(0);
    ~Comeback() {
      if (last.use_count() == 1) loop->add_callback([] {});
    }
  };
  loop.handle_callback_exception([&, name, comeback = Comeback{&loop}](auto) {
    loop.handle_callback_exception([&, name](auto) {
      loop.set_exception_policy(ExceptionPolicy::log);
      seen += name;
      ++later;
    });
    seen += name;
  });
  for (int i = 0; i < 3; ++i) loop.add_callback([] { throw Oops(); });
  const LogCapture log;
  turn();
  EXPECT_EQ(seen, name + name);
  EXPECT_EQ(later, 1);
  EXPECT_EQ(log.count(LogLevel::error), 1u);
}

TORNADO_ON_EVERY_POLLER(Exceptions);

}  // namespace
}  // namespace tornado::test
