// SPDX-License-Identifier: Apache-2.0
// What a loop leaves behind: descriptors, threads' current loops, objects that outlive
// it.
#include <memory>

#include "every_loop.h"
#include "support/open_numbers.h"
#include "support/wait.h"
#include "tornado/periodic_callback.h"

namespace tornado::test {
namespace {

struct TakingBack : EveryLoop {};

// As Tornado's streams do: close() takes the handler back, and then closes.
TEST_P(TakingBack, close_with_all_fds_closes_objects_that_take_themselves_back) {
  const std::set<NativeFd> before = open_numbers();
  struct Stream : std::enable_shared_from_this<Stream> {
    Stream(IOLoop& l, UniqueFd f) : loop(l), fd(std::move(f)) {}
    ~Stream() { close(); }
    NativeFd fileno() const { return fd.get(); }
    void close() {
      if (!fd) return;
      loop.remove_handler(*this);
      fd.reset();
    }
    IOLoop& loop;
    UniqueFd fd;
  };
  {
    IOLoop one(IOLoop::Options{GetParam(), WakerKind::best, false});
    auto pair = make_socket_pair();
    for (UniqueFd* end : {&pair.first, &pair.second}) {
      const auto stream = std::make_shared<Stream>(one, std::move(*end));
      // Owned by its handler alone, or by a callback as well.
      one.add_handler(
          *stream, [stream](Stream&, Events) {}, Events::read);
      if (end == &pair.first) one.add_callback([stream] {});
    }
    one.close(true);
  }
  EXPECT_EQ(open_numbers(), before);
}

TEST_P(TakingBack, a_descriptor_taken_back_at_close_is_not_closed_again) {
  IOLoop one(IOLoop::Options{GetParam(), WakerKind::best, false});
  FdPair pipe = make_pipe();
  const NativeFd number = pipe.first.get();
  one.add_handler(number, ignore_events, Events::read);
  struct Guard {
    IOLoop& loop;
    NativeFd number;
    ~Guard() { loop.remove_handler(number); }
  };
  one.add_callback([g = std::make_shared<Guard>(one, number)] {});
  one.close(true);
  EXPECT_TRUE(open_numbers().contains(number));
}

TEST_P(TakingBack, a_handler_added_after_another_threads_removal_survives) {
  FdPair pipe = make_pipe();
  put_byte(pipe.second);
  const NativeFd fd = pipe.first.get();
  int calls = 0;
  loop.add_handler(fd, ignore_events, Events::none);
  loop.add_callback([&] {
    Thread([&] { loop.remove_handler(fd); }).join();
    loop.remove_handler(fd);
    loop.add_handler(
        fd,
        [&](NativeFd, Events) {
          if (++calls == 2) loop.stop();
        },
        Events::read);
  });
  start();
  EXPECT_EQ(calls, 2);
}

TEST_P(TakingBack, another_threads_removal_reaches_what_was_there) {
  FdPair pipe = make_pipe();
  std::weak_ptr<int> held[3];
  const auto hold = [&](int i) {
    auto one = std::make_shared<int>();
    held[i] = one;
    return one;
  };
  loop.add_handler(
      pipe.first.get(), [one = hold(0)](NativeFd, Events) {}, Events::read);
  const TimeoutHandle timeout = loop.call_later(1h, [one = hold(1)] {});
  PeriodicCallback ticks(
      loop, [one = hold(2)] {}, 1h);
  ticks.start();
  loop.add_callback([&] {
    Thread([&] {
      loop.remove_handler(pipe.first.get());
      EXPECT_FALSE(loop.remove_timeout(timeout)) << "nothing may be promised";
      ticks.stop();
      EXPECT_FALSE(ticks.is_running());
    }).join();
    loop.add_callback([&] { loop.stop(); });
  });
  start();
  EXPECT_TRUE(held[0].expired());
  EXPECT_TRUE(held[1].expired());
  EXPECT_FALSE(loop.remove_timeout(timeout));
}

TORNADO_ON_EVERY_POLLER(TakingBack);

TEST(CurrentLoop, is_none_that_another_thread_destroyed) {
  IOLoop::clear_current();
  auto loop = std::make_unique<IOLoop>();
  ASSERT_EQ(IOLoop::current(false), loop.get());
  Thread([&] { loop.reset(); }).join();
  EXPECT_EQ(IOLoop::current(false), nullptr);
  IOLoop second;
  EXPECT_EQ(IOLoop::current(false), &second);
}

TEST(CurrentLoop, is_none_that_was_destroyed_while_another_ran) {
  IOLoop::clear_current();
  auto first = std::make_unique<IOLoop>();
  {
    IOLoop second(IOLoop::Options{{}, {}, false});
    second.run_sync([&] { first.reset(); });
  }
  EXPECT_EQ(IOLoop::current(false), nullptr);
}

TEST(CurrentLoop, is_the_next_one_after_a_callback_closed_the_first) {
  IOLoop::clear_current();
  IOLoop first;
  first.add_callback([&] { first.close(); });
  first.start();
  EXPECT_EQ(IOLoop::current(false), nullptr);
  IOLoop second(IOLoop::Options{{}, {}, true});
  EXPECT_EQ(IOLoop::current(false), &second);
}

TEST(Periodic, outlives_its_loop) {
  auto loop = std::make_unique<IOLoop>(IOLoop::Options{{}, {}, false});
  PeriodicCallback ticks(
      *loop, [] {}, 1h);
  ticks.start();
  EXPECT_TRUE(ticks.is_running());
  loop.reset();
  EXPECT_FALSE(ticks.is_running());
  EXPECT_EQ(error_of([&] { ticks.start(); }), Errc::loop_closed);
  ticks.stop();
}

}  // namespace
}  // namespace tornado::test
