// SPDX-License-Identifier: Apache-2.0
// Objects that take back: at every moment of their own lives and of the loop's.
#include "tornado/registration.h"

#include <memory>
#include <optional>

#include "every_loop.h"
#include "support/open_numbers.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

constexpr auto ignore = [](NativeFd, Events) {};

/// A pipe with a byte in it.
struct Registrations : EveryLoop {
  Registrations() { put_byte(pipe.second); }
  Registration counting() {
    return {loop, fd, [this](NativeFd, Events) { ++calls; }, Events::read};
  }
  /// Whether the loop has a handler for `fd`.
  bool registered() {
    const auto update = [this] { loop.update_handler(fd, Events::read); };
    return error_of(update) != std::errc::no_such_file_or_directory;
  }

  FdPair pipe = make_pipe();
  const NativeFd fd = pipe.first.get();
  int calls = 0;
};

TEST_P(Registrations, take_their_handler_back_when_they_are_destroyed) {
  {
    const Registration registration = counting();
    EXPECT_TRUE(registration);
    EXPECT_EQ(registration.fd(), fd);
    turn();
    EXPECT_EQ(calls, 1);
  }
  EXPECT_FALSE(registered());
  turn();
  EXPECT_EQ(calls, 1);
}

TEST_P(Registrations, that_fail_leave_the_first_handler_alone) {
  const Registration first = counting();
  EXPECT_EQ(error_of([this] { (void)counting(); }), std::errc::file_exists);
  turn();
  EXPECT_EQ(calls, 1);
}

TEST_P(Registrations, leave_a_later_handler_of_the_number_alone) {
  Registration registration = counting();
  loop.remove_handler(fd);
  EXPECT_EQ(error_of([&] { registration.update(Events::read); }),
            std::errc::no_such_file_or_directory);
  loop.add_handler(fd, ignore, Events::read);
  EXPECT_EQ(error_of([&] { registration.update(Events::read); }),
            std::errc::no_such_file_or_directory);
  registration.reset();
  EXPECT_TRUE(registered());
}

TEST_P(Registrations, can_be_moved_and_removed_and_released) {
  Registration one = counting();
  Registration two = std::move(one);
  EXPECT_FALSE(one);
  EXPECT_EQ(one.release(), invalid_fd);
  one = Registration();
  two.update(Events::none);
  turn();
  EXPECT_EQ(calls, 0);
  two.update(Events::read);
  turn();
  EXPECT_EQ(calls, 1);
  FdPair other = make_pipe();
  one = Registration(loop, other.first.get(), ignore, Events::read);
  one = std::move(two);
  EXPECT_EQ(error_of([&] { loop.update_handler(other.first.get(), Events::read); }),
            std::errc::no_such_file_or_directory);
  EXPECT_EQ(one.release(), fd);
  EXPECT_FALSE(one);
  EXPECT_TRUE(registered()) << "released, and so the loop's";
  one.reset();
  EXPECT_TRUE(registered());
}

TEST_P(Registrations, of_file_objects_take_them_back) {
  struct Source {
    NativeFd number;
    int closed = 0;
    NativeFd fileno() const { return number; }
    void close() { ++closed; }
  } source{fd};
  {
    const Registration registration(
        loop, source, [this](Source&, Events) { ++calls; }, Events::read);
    turn();
  }
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(registered());
  loop.close(true);
  EXPECT_EQ(source.closed, 0);
}

TEST_P(Registrations, may_be_destroyed_in_their_own_callback) {
  auto alive = std::make_shared<int>();
  const std::weak_ptr<int> held = alive;
  std::optional<Registration> registration;
  registration.emplace(
      loop, fd,
      [&, alive = std::move(alive)](NativeFd, Events) {
        registration.reset();
        EXPECT_FALSE(held.expired()) << "a handler that runs stays whole";
        ++calls;
      },
      Events::read);
  turn();
  turn();
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(held.expired());
}

// The handler owns what it serves, and with it the registration of itself.
TEST_P(Registrations, may_be_owned_by_their_handler) {
  for (const bool by_close : {false, true}) {
    const auto before = open_numbers();
    IOLoop one(IOLoop::Options{GetParam(), WakerKind::best, false});
    struct Connection {
      UniqueFd socket;
      Registration serving;
    };
    auto connection = std::make_shared<Connection>();
    const std::weak_ptr<Connection> held = connection;
    FdPair sockets = make_socket_pair();
    connection->socket = std::move(sockets.first);
    connection->serving = Registration(
        one, connection->socket.get(),
        [&one, owned = connection](NativeFd, Events) {
          owned->serving.reset();
          one.stop();
        },
        Events::read);
    connection.reset();
    if (by_close) {
      one.close();
    } else {
      sockets.second.reset();
      one.start();
    }
    EXPECT_TRUE(held.expired());
    one.close();
    sockets.second.reset();
    EXPECT_EQ(open_numbers(), before);
  }
}

// Otherwise close() would close the number, which may be another file's by then.
TEST_P(Registrations, that_end_at_close_keep_their_descriptor_from_it) {
  IOLoop one(IOLoop::Options{GetParam(), WakerKind::best, false});
  auto registration = std::make_shared<Registration>(one, fd, ignore, Events::read);
  one.add_callback([owned = std::move(registration)] {});
  one.close(true);
  EXPECT_TRUE(open_numbers().contains(fd));
}

TEST_P(Registrations, outlive_their_loop) {
  auto one = std::make_unique<IOLoop>(IOLoop::Options{GetParam(), {}, false});
  Registration registration(*one, fd, ignore, Events::read);
  Timeout timeout(*one, 1h, [] {});
  Registration closed(*one, pipe.second.get(), ignore, Events::write);
  one->close();
  EXPECT_EQ(error_of([&] { closed.update(Events::write); }), Errc::loop_closed);
  closed.reset();
  one.reset();
  EXPECT_EQ(error_of([&] { registration.update(Events::read); }), Errc::loop_closed);
  EXPECT_FALSE(timeout.update(TimePoint()));
  EXPECT_FALSE(timeout.reset());
}

TEST_P(Registrations, that_another_thread_destroys_end_in_the_next_turn) {
  auto alive = std::make_shared<int>();
  const std::weak_ptr<int> held[] = {alive, alive};
  std::optional<Registration> registration;
  registration.emplace(
      loop, fd, [alive](NativeFd, Events) {}, Events::none);
  std::optional<Timeout> timeout;
  timeout.emplace(loop, 1h, [alive] {});
  alive.reset();
  loop.add_callback([&] {
    Thread([&] {
      registration.reset();
      EXPECT_FALSE(timeout->reset()) << "nothing may be promised";
      timeout.reset();
    }).join();
    EXPECT_FALSE(held[0].expired());
    loop.add_callback([&] { loop.stop(); });
  });
  start();
  EXPECT_TRUE(held[0].expired());
  EXPECT_FALSE(registered());
}

TORNADO_ON_EVERY_POLLER(Registrations);

struct TimeoutObjects : EveryLoop {
  Timeout counting(Delay delay) {
    return {loop, delay, [this] { ++calls; }};
  }
  int calls = 0;
};

TEST_P(TimeoutObjects, take_their_timeout_back_when_they_are_destroyed) {
  auto alive = std::make_shared<int>();
  {
    const Timeout timeout(loop, 0ms, [this, alive] { ++calls; });
  }
  EXPECT_EQ(alive.use_count(), 1);
  turn();
  EXPECT_EQ(calls, 0);
}

TEST_P(TimeoutObjects, can_be_moved_and_removed_and_released) {
  Timeout one = counting(0ms);
  Timeout two = std::move(one);
  EXPECT_FALSE(one);
  EXPECT_TRUE(two);
  two = counting(1h);
  turn();
  EXPECT_EQ(calls, 0) << "the assignment takes the first back";
  EXPECT_TRUE(two.update(TimePoint()));
  turn();
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(two.update(TimePoint())) << "it has run";
  EXPECT_FALSE(two.reset());
  two = Timeout(loop, TimePoint(), [this] { ++calls; });
  EXPECT_TRUE(two.release());
  EXPECT_FALSE(two.release());
  turn();
  EXPECT_EQ(calls, 2) << "released, and so the loop's";
  two = counting(1h);
  EXPECT_TRUE(two.reset());
}

TEST_P(TimeoutObjects, may_be_destroyed_in_their_own_callback) {
  std::optional<Timeout> timeout;
  timeout.emplace(loop, 0ms, [&] {
    timeout.reset();
    loop.stop();
  });
  start();
  EXPECT_FALSE(timeout);
}

TEST_P(TimeoutObjects, may_be_destroyed_by_close) {
  IOLoop one(IOLoop::Options{GetParam(), {}, false});
  auto owned = std::make_shared<Timeout>();
  *owned = Timeout(one, 1h, [owned] {});  // and owns itself
  const std::weak_ptr<Timeout> held = owned;
  one.add_callback([other = std::make_shared<Timeout>(one, 1h, [] {})] {});
  owned.reset();
  one.close();
  EXPECT_TRUE(held.expired());
}

TORNADO_ON_EVERY_POLLER(TimeoutObjects);

}  // namespace
}  // namespace tornado::test
