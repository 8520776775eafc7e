// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <utility>

#include "every_loop.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

class Handlers : public EveryLoop {
 protected:
  bool has_edges() const {
    return GetParam() != PollerKind::poll && GetParam() != PollerKind::select &&
           GetParam() != PollerKind::iocp;
  }
  /// Each waits for `first`, and when it is called lets both wait for `then`.
  void watch_both(const FdPair& one, const FdPair& two, Events first, Events then,
                  int& calls) {
    for (const auto& [mine, other] : {std::pair(&one, &two), std::pair(&two, &one)}) {
      loop.add_handler(
          mine->first.get(),
          [this, then, &calls, next = other->first.get()](NativeFd fd, Events) {
            ++calls;
            loop.update_handler(fd, then);
            loop.update_handler(next, then);
          },
          first);
    }
  }
};

TEST_P(Handlers, report_the_same_mistake_by_the_same_code) {
  FdPair pipe = make_pipe();
  const NativeFd fd = pipe.first.get();
  EXPECT_EQ(
      error_of([&] { loop.add_handler(invalid_fd, ignore_events, Events::read); }),
      std::errc::bad_file_descriptor);
  EXPECT_EQ(error_of([&] { loop.update_handler(fd, Events::read); }),
            std::errc::no_such_file_or_directory);
  EXPECT_EQ(error_of([&] { loop.add_handler(fd, ignore_events, Events::edge); }),
            std::errc::invalid_argument);
  EXPECT_EQ(error_of([&] { loop.add_handler(fd, IOLoop::Handler(), Events::read); }),
            std::errc::invalid_argument);
  pipe.first.reset();
  EXPECT_EQ(error_of([&] { loop.add_handler(fd, ignore_events, Events::read); }),
            std::errc::bad_file_descriptor);
  EXPECT_EQ(text_of([&] { loop.add_handler(fd, ignore_events, Events::read); }),
            "add_handler fd " + std::to_string(fd) + ": Bad file descriptor");
  EXPECT_NO_THROW(loop.remove_handler(fd));
  EXPECT_NO_THROW(loop.remove_handler(invalid_fd));
}

TEST_P(Handlers, that_could_not_be_added_leave_no_trace) {
  const FdPair pipe = make_pipe();
  const auto alive = std::make_shared<int>(0);
  const auto add = [&](Events events) {
    loop.add_handler(
        pipe.first.get(), [alive](NativeFd, Events) {}, events);
  };
  if (!has_edges()) {
    EXPECT_EQ(error_of([&] { add(Events::read | Events::edge); }),
              std::errc::not_supported);
    EXPECT_EQ(error_of([&] { add(Events::read | Events::one_shot); }),
              std::errc::not_supported);
  }
  EXPECT_EQ(error_of([&] { add(Events::one_shot); }), std::errc::invalid_argument);
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_NO_THROW(add(Events::read));
}

TEST_P(Handlers, that_are_paused_hear_nothing_and_cost_nothing) {
  FdPair pipe = make_pipe();
  int calls = 0;
  loop.add_handler(
      pipe.first.get(), [&](NativeFd, Events) { ++calls; }, Events::none);
  put_byte(pipe.second);
  pipe.second.reset();  // a hang-up, too
  loop.call_later(20ms, [&] { loop.stop(); });
  start();
  EXPECT_EQ(calls, 0);
  EXPECT_LT(loop.counters().turns, few_turns);
  loop.update_handler(pipe.first.get(), Events::read);
  turn();
  EXPECT_EQ(calls, 1);
  loop.update_handler(pipe.first.get(), Events::none);
  turn();
  EXPECT_EQ(calls, 1);
}

TEST_P(Handlers, may_change_what_they_wait_for) {
  const FdPair pair = make_socket_pair();
  std::vector<Events> seen;
  loop.add_handler(
      pair.first.get(),
      [&](NativeFd fd, Events events) {
        seen.push_back(events);
        if (seen.size() == 1) {
          put_byte(pair.second);
          loop.update_handler(fd, Events::read);
        } else {
          loop.remove_handler(fd);
          loop.stop();
        }
      },
      Events::write);
  start();
  EXPECT_EQ(seen, (std::vector{Events::write, Events::read}));
}

// All before the next look at the descriptors.
TEST_P(Handlers, hear_what_the_last_of_several_changes_says) {
  const FdPair removed = make_socket_pair();
  const FdPair paused = make_socket_pair();
  const FdPair back = make_socket_pair();
  int reads = 0;
  const auto not_called = [](NativeFd, Events) { ADD_FAILURE(); };
  loop.add_handler(removed.first.get(), not_called, Events::read);
  loop.add_handler(paused.first.get(), not_called, Events::read);
  loop.add_handler(
      back.first.get(),
      [&](NativeFd, Events events) {
        EXPECT_EQ(events, Events::read);
        ++reads;
        loop.stop();
      },
      Events::read);
  for (const FdPair* pair : {&removed, &paused, &back}) {
    put_byte(pair->second);
    loop.update_handler(pair->first.get(), Events::write);
  }
  loop.remove_handler(removed.first.get());
  loop.update_handler(paused.first.get(), Events::none);
  loop.update_handler(back.first.get(), Events::read);
  start();
  EXPECT_EQ(reads, 1);
}

TEST_P(Handlers, hear_nothing_that_they_no_longer_wait_for) {
  const FdPair one = make_socket_pair();
  const FdPair two = make_socket_pair();
  int calls = 0;
  // Both are seen to be writable in one look, and nothing is there to be read.
  watch_both(one, two, Events::write, Events::read, calls);
  turn();
  EXPECT_EQ(calls, 1);
}

TEST_P(Handlers, changed_and_then_closed_are_forgotten_in_silence) {
  FdPair pair = make_socket_pair();
  const NativeFd number = pair.first.get();
  loop.handle_callback_exception(
      [](std::exception_ptr) { FAIL() << "a closed descriptor was reported"; });
  loop.add_handler(
      number, [](NativeFd, Events) {}, Events::read);
  loop.update_handler(number, Events::write);
  pair.first.reset();
  turn();
  loop.remove_handler(number);
}

TEST_P(Handlers, of_a_file_that_lives_on_under_another_number_do_not_spin) {
  FdPair pair = make_socket_pair();
  put_byte(pair.second);
  const NativeFd number = pair.first.get();
  loop.add_handler(
      number, [](NativeFd, Events) { FAIL(); }, Events::read);
  const UniqueFd twin = duplicate(number);
  pair.first.reset();           // too early: the kernel's set still has it
  loop.remove_handler(number);  // and can no longer be told by this number
  const std::uint64_t before = loop.counters().turns;
  loop.call_later(50ms, [&] { loop.stop(); });
  start();
  EXPECT_LT(loop.counters().turns - before, few_turns);
  EXPECT_EQ(loop.counters().poller_rebuilt, GetParam() == PollerKind::epoll ? 1u : 0u);
}

TEST_P(Handlers, survive_a_rebuilt_poller) {
  FdPair orphan = make_socket_pair();
  FdPair pipe = make_pipe();
  FdPair paused = make_pipe();
  put_byte(orphan.second);
  put_byte(paused.second);
  int reads = 0;
  loop.add_handler(
      pipe.first.get(),
      [&](NativeFd, Events) {
        ++reads;
        loop.stop();
      },
      Events::read);
  loop.add_handler(
      paused.first.get(), [](NativeFd, Events) { FAIL(); }, Events::none);
  loop.add_handler(
      orphan.first.get(), [](NativeFd, Events) {}, Events::read);
  const UniqueFd twin = duplicate(orphan.first.get());
  const NativeFd number = orphan.first.get();
  orphan.first.reset();
  loop.remove_handler(number);
  turn();
  turn();
  put_byte(pipe.second);
  start();
  EXPECT_EQ(reads, 1);
}

TEST_P(Handlers, are_destroyed_when_they_are_removed_but_not_while_they_run) {
  const FdPair pipe = make_pipe();
  const auto alive = std::make_shared<int>(0);
  loop.add_handler(
      pipe.first.get(), [alive](NativeFd, Events) {}, Events::read);
  EXPECT_EQ(alive.use_count(), 2);
  loop.remove_handler(pipe.first.get());
  EXPECT_EQ(alive.use_count(), 1);

  long within = 0;
  loop.add_handler(
      pipe.first.get(),
      [&, kept = alive](NativeFd fd, Events) {
        loop.remove_handler(fd);
        within = kept.use_count();
        loop.stop();
      },
      Events::read);
  put_byte(pipe.second);
  start();
  EXPECT_EQ(within, 2);
  EXPECT_EQ(alive.use_count(), 1);
}

TEST_P(Handlers, may_come_back_from_their_destructors) {
  const FdPair one = make_pipe();
  const FdPair two = make_pipe();
  struct Remover {
    Remover(IOLoop& l, NativeFd f) : loop(&l), fd(f) {}
    Remover(Remover&& other) noexcept
        : loop(std::exchange(other.loop, nullptr)), fd(other.fd) {}
    ~Remover() {
      if (loop) loop->remove_handler(fd);
    }
    IOLoop* loop;
    NativeFd fd;
  };
  loop.add_handler(
      two.first.get(), [](NativeFd, Events) {}, Events::read);
  loop.add_handler(
      one.first.get(),
      [remover = Remover(loop, two.first.get())](NativeFd, Events) { (void)remover; },
      Events::read);
  loop.remove_handler(one.first.get());
  EXPECT_NO_THROW(loop.add_handler(
      two.first.get(), [](NativeFd, Events) {}, Events::read));
}

// Both have hung up in one look, and the first that is called pauses the other.
TEST_P(Handlers, that_are_paused_hear_no_error_that_was_seen_before) {
  FdPair one = make_socket_pair();
  FdPair two = make_socket_pair();
  int calls = 0;
  watch_both(one, two, Events::read, Events::none, calls);
  one.second.reset();
  two.second.reset();
  turn();
  EXPECT_EQ(calls, 1);
}

TEST_P(Handlers, in_great_number) {
  const int pipes = 300;  // both ends below select's limit
  std::vector<FdPair> all;
  int calls = 0;
  for (int i = 0; i < pipes; ++i) {
    FdPair& pipe = all.emplace_back(make_pipe());
    loop.add_handler(
        pipe.first.get(),
        [&](NativeFd fd, Events) {
          loop.remove_handler(fd);
          if (++calls == pipes) loop.stop();
        },
        Events::read);
    put_byte(pipe.second);
  }
  start();
  EXPECT_EQ(calls, pipes);
}

TORNADO_ON_EVERY_POLLER(Handlers);

}  // namespace
}  // namespace tornado::test
