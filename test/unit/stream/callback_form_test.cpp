// SPDX-License-Identifier: Apache-2.0
// What the callback form of an operation promises beyond the form for tasks.
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "stream_ends.h"
#include "tornado/netutil.h"
#include "tornado/stream_regex.h"

namespace tornado::test {
namespace {

class CallbackForm : public StreamEnds {};
INSTANTIATE_TEST_SUITE_P(, CallbackForm, CallbackForm::each(), CallbackForm::name);

/// On one stream that reads and writes, as no pipe does.
class CallbackFormBothWays : public StreamEnds {};
INSTANTIATE_TEST_SUITE_P(, CallbackFormBothWays,
                         CallbackFormBothWays::each({Link::tcp, Link::local}),
                         CallbackFormBothWays::name);

TEST_P(CallbackForm, gives_each_kind_of_result_in_order) {
  connect();
  std::vector<std::string> got;
  std::array<char, 3> room{};
  second->write("line\nview;regex9bytesintosome").call([&](Result<void> sent) {
    EXPECT_TRUE(sent);
    got.emplace_back("sent");
  });
  first->read_until("\n").call([&](Result<std::string> line) {
    got.push_back(line.get());
    first->read_until_view(";").call([&](Result<std::string_view> view) {
      got.emplace_back(view.get());
      const std::regex digit("[0-9]");
      read_until_regex(*first, digit).call([&](Result<std::string> match) {
        got.push_back(match.get());
        first->read_bytes(5).call([&](Result<std::string> bytes) {
          got.push_back(bytes.get());
          first->read_into(room).call([&](Result<std::size_t> count) {
            got.push_back(std::to_string(count.get()));
            first->read_until_close().call([&](Result<std::string> rest) {
              got.push_back(rest.get());
              loop.stop();
            });
            second->close();
          });
        });
      });
    });
  });
  EXPECT_TRUE(got.empty());
  loop.start();
  EXPECT_EQ(got, (std::vector<std::string>{"sent", "line\n", "view;", "regex9", "bytes",
                                           "3", "osome"}));
  EXPECT_EQ(std::string(room.data(), room.size()), "int");
}

TEST_P(CallbackForm, never_calls_within_the_operation) {
  connect();
  play([this]() -> Task<void> {
    second->write("ab");
    EXPECT_EQ(co_await first->read_bytes(1), "a");
    int told = 0;
    first->read_bytes(1).call([&told](Result<std::string> got) {
      EXPECT_EQ(got.get(), "b");
      ++told;
    });
    second->flush().call([&told](Result<void>) { ++told; });
    EXPECT_EQ(told, 0);
    while (told < 2) co_await moment();
  });
}

TEST_P(CallbackForm, gives_a_pending_read_the_error_of_a_close) {
  connect();
  play([this]() -> Task<void> {
    std::error_code why;
    first->read_bytes(1).call([&why](Result<std::string> got) {
      EXPECT_FALSE(got);
      try {
        got.get();
      } catch (const StreamClosedError& error) {
        why = error.real_error();
      }
    });
    first->close(std::make_error_code(std::errc::owner_dead));
    EXPECT_FALSE(why);
    while (!why) co_await moment();
    EXPECT_EQ(why, std::errc::owner_dead);
  });
}

TEST_P(CallbackForm, destroys_the_callback_of_a_destroyed_stream_without_a_call) {
  connect();
  play([this]() -> Task<void> {
    const auto kept = std::make_shared<int>();
    second->write("b");
    const auto refuse = [kept](const auto&) { ADD_FAILURE() << "called"; };
    first->read_bytes(2).call(refuse);
    second->flush().call(refuse);  // has its result already
    EXPECT_EQ(kept.use_count(), 4);
    first.reset();
    second.reset();
    EXPECT_EQ(kept.use_count(), 2);
    for (int i = 0; i < 3; ++i) co_await moment();
  });
}

TEST_P(CallbackForm, destroys_the_callback_of_a_timeout_that_was_not_told_yet) {
  connect();
  const auto kept = std::make_shared<int>();
  first->read_bytes(1, 0s).call(
      [kept](const auto&) { ADD_FAILURE() << "called after the stream was gone"; });
  loop.call_later(0s, [this] {
    first.reset();
    loop.add_callback([this] { loop.stop(); });
  });
  loop.start();
  EXPECT_EQ(kept.use_count(), 1);
}

TEST_P(CallbackFormBothWays, tell_of_a_close_in_the_order_in_which_they_began) {
  for (int reads_after = 0; reads_after <= 2; ++reads_after) {
    connect();
    std::string told;
    for (int i = 0; i < 3; ++i) {
      if (i == reads_after) {
        first->read_bytes(1).call([&told](const auto&) { told += 'r'; });
      }
      first->write(std::string(8 << 20, 'x')).call([&told, i](const auto& sent) {
        EXPECT_FALSE(sent);
        told += static_cast<char>('0' + i);
      });
    }
    first->close(std::make_error_code(std::errc::owner_dead));
    loop.add_callback([this] { loop.stop(); });
    loop.start();
    std::string expected = "012";
    expected.insert(static_cast<std::size_t>(reads_after), 1, 'r');
    EXPECT_EQ(told, expected);
  }
}

TEST_P(CallbackForm, may_close_move_or_destroy_its_stream_in_its_callback) {
  for (const int act : {0, 1, 2}) {
    connect();
    play([this, act]() -> Task<void> {
      int told = 0;
      std::unique_ptr<IOStream> moved;
      first->read_bytes(1).call([&, act](Result<std::string> got) {
        EXPECT_EQ(got.get(), "x");
        if (act == 0) first->close();
        if (act == 1) moved = std::make_unique<IOStream>(std::move(*first));
        if (act == 2) first.reset();
        ++told;
      });
      second->write("x").call([&](Result<void> sent) {
        EXPECT_TRUE(sent);
        ++told;
      });
      while (told < 2) co_await moment();
    });
  }
}

TEST_P(CallbackForm, owns_a_session_that_its_callback_holds) {
  connect();
  struct Session {
    explicit Session(IOStream s, bool& e) : stream(std::move(s)), ended(e) {}
    ~Session() { ended = true; }
    static void read(const std::shared_ptr<Session>& self) {
      self->stream.read_until("\n").call([self](Result<std::string> line) {
        if (line) read(self);
      });
    }
    IOStream stream;
    bool& ended;
  };
  play([this]() -> Task<void> {
    bool ended = false;
    Session::read(std::make_shared<Session>(std::move(*first), ended));
    second->write("one\ntwo\nthree");
    co_await second->flush();
    EXPECT_FALSE(ended);
    second->close();
    while (!ended) co_await moment();
  });
}

TEST_P(CallbackForm, throws_for_a_second_read) {
  connect();
  first->read_bytes(1).call([](const auto&) {});
  EXPECT_THROW(first->read_bytes(1).call([](const auto&) {}), std::system_error);
  EXPECT_TRUE(first->reading());
}

TEST_P(CallbackForm, tells_of_a_timeout_and_leaves_the_stream_as_before) {
  connect();
  play([this]() -> Task<void> {
    std::string why;
    second->write("abc");
    first->read_bytes(5, 1ms).call([&why](Result<std::string> got) {
      try {
        got.get();
      } catch (const std::system_error& error) {
        why = error.what();
      }
    });
    while (why.empty()) co_await moment();
    EXPECT_EQ(why, "read_bytes: timed out");
    second->write("de");
    EXPECT_EQ(co_await first->read_bytes(5), "abcde");
  });
}

TEST_P(CallbackForm, hands_an_exception_to_the_policy_and_loses_no_other_callback) {
  connect();
  int failed = 0;
  int called = 0;
  loop.handle_callback_exception([&failed](std::exception_ptr) { ++failed; });
  play([&, this]() -> Task<void> {
    for (int i = 0; i < 10; ++i) {
      second->write("x").call([&called](Result<void>) {
        ++called;
        throw std::logic_error("of the callback");
      });
      first->read_bytes(1).call([&called](Result<std::string>) {
        ++called;
        throw std::logic_error("of the callback");
      });
      while (called < 2 * (i + 1)) co_await moment();
    }
  });
  EXPECT_EQ(failed, 20);
}

TEST_P(CallbackForm, lets_the_loop_go_on_while_callbacks_follow_each_other) {
  connect();
  IOStream* const streams[] = {first.get(), second.get()};
  bool over = false;
  // Each starts an operation of the other stream, whose result is there at once.
  std::function<void(int)> next = [&](int i) {
    if (!over) streams[i]->flush().call([&next, i](Result<void>) { next(1 - i); });
  };
  next(0);
  play([&]() -> Task<void> {
    for (int i = 0; i < 10; ++i) co_await moment();
    co_await sleep(1ms);
    over = true;
    for (int i = 0; i < 3; ++i) co_await moment();
  });
}

TEST_P(CallbackForm, sends_together_what_callbacks_write_in_a_turn) {
  connect();
  play([this]() -> Task<void> {
    int told = 0;
    for (int i = 0; i < 3; ++i) {
      second->write("x").call([&, this](Result<void>) {
        second->write("y");
        EXPECT_TRUE(second->writing());
        ++told;
      });
    }
    while (told < 3) co_await moment();
    EXPECT_EQ(co_await first->read_bytes(6), "xxxyyy");
  });
}

TEST_P(CallbackForm, goes_with_its_loop) {
  const auto kept = std::make_shared<int>();
  auto own = std::make_unique<IOLoop>(LoopOptions{.poller = std::get<1>(GetParam())});
  FdPair ends = make_pipe();
  PipeIOStream stream(std::move(ends.first), *own);
  stream.read_bytes(1).call([kept](const auto&) { ADD_FAILURE() << "called"; });
  own.reset();
  stream.close();
  EXPECT_THROW(stream.read_bytes(1).call([](const auto&) {}), std::system_error);
}

TEST_P(CallbackForm, ends_a_session_with_the_loop) {
  struct Session {
    explicit Session(PipeIOStream s) : stream(std::move(s)) {}
    PipeIOStream stream;
  };
  std::weak_ptr<Session> weak[2];
  auto own = std::make_unique<IOLoop>(LoopOptions{.poller = std::get<1>(GetParam())});
  FdPair ends = make_pipe();
  {
    // One waits for its result, and the other has it.
    const auto reads =
        std::make_shared<Session>(PipeIOStream(std::move(ends.first), *own));
    reads->stream.read_bytes(1).call([reads](const auto&) {});
    const auto wrote =
        std::make_shared<Session>(PipeIOStream(std::move(ends.second), *own));
    wrote->stream.flush().call([wrote](const auto&) {});
    weak[0] = reads;
    weak[1] = wrote;
  }
  EXPECT_FALSE(weak[0].expired());
  EXPECT_FALSE(weak[1].expired());
  own.reset();
  EXPECT_TRUE(weak[0].expired());
  EXPECT_TRUE(weak[1].expired());
}

TEST(CallbackFormOfConnect, tells_of_the_connection_and_of_a_refusal) {
  IOLoop loop;
  std::vector<UniqueFd> listeners = bind_sockets(0, {.address = "127.0.0.1"});
  const SocketAddress there = local_address(listeners.front().get());
  IOStream good(make_socket(2, 1));
  IOStream bad(make_socket(2, 1));
  int left = 2;
  const auto one_less = [&] {
    if (--left == 0) loop.stop();
  };
  good.connect(there).call([&](Result<void> connected) {
    EXPECT_TRUE(connected);
    listeners.clear();
    bad.connect(there).call([&](Result<void> refused) {
      EXPECT_THROW(refused.get(), StreamClosedError);
      one_less();
    });
    one_less();
  });
  loop.start();
  EXPECT_EQ(bad.error(), std::errc::connection_refused);
}

}  // namespace
}  // namespace tornado::test
