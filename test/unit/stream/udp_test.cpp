// SPDX-License-Identifier: Apache-2.0
#include "tornado/udp.h"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/open_numbers.h"
#include "tornado/executor.h"
#include "tornado/registration.h"
#include "udp_ends.h"

namespace tornado::test {
namespace {

INSTANTIATE_TEST_SUITE_P(, UDPSockets, testing::ValuesIn(working_poller_kinds()),
                         name_of_poller);

TEST_P(UDPSockets, tell_where_a_datagram_came_from) {
  play([this]() -> Task<void> {
    co_await first.send_to("question", to_second);
    const DatagramBatch batch = co_await second.receive();
    EXPECT_EQ(texts(batch), strings("question"));
    EXPECT_EQ(batch.front().source, to_first);
    EXPECT_FALSE(batch.front().truncated);
    EXPECT_FALSE(batch.front().local);
    co_await second.send_to("answer", batch.front().source);
    EXPECT_EQ(texts(co_await first.receive()), strings("answer"));
  });
}

TEST_P(UDPSockets, wait_for_a_datagram) {
  play([this]() -> Task<void> {
    TaskGroup reader(loop);
    reader.start(expect_text(second, "late"));
    co_await moment();
    co_await first.send_to("late", to_second);
    co_await reader.join();
  });
}

TEST_P(UDPSockets, carry_datagrams_of_every_size) {
  play([this]() -> Task<void> {
    for (const std::size_t size : {0u, 1u, 1472u, 65507u}) {
      const std::string bytes(size, 'x');
      co_await first.send_to(bytes, to_second);
      EXPECT_EQ(texts(co_await second.receive()), strings(bytes));
    }
    EXPECT_NE(co_await failure_of(
                  [this] { return first.send_to(std::string(65508, 'x'), to_second); }),
              "");
    co_await first.send_to("after it", to_second);
    EXPECT_EQ(texts(co_await second.receive()), strings("after it"));
  });
}

TEST_P(UDPSockets, tell_that_a_datagram_was_cut) {
  UDPSocket small(AddressFamily::ipv4, loop, {.max_datagram_size = 4});
  small.bind(any_port);
  play([&, this]() -> Task<void> {
    const SocketAddress to = local_address(small.fileno());
    first.send_to("four", to);
    first.send_to("five!", to);
    first.send_to("end", to);
    std::vector<bool> cut;
    std::vector<std::string> all;
    while (all.size() < 3) {
      for (const Datagram& one : co_await small.receive()) {
        all.emplace_back(one.bytes);
        cut.push_back(one.truncated);
      }
    }
    EXPECT_EQ(all, strings("four", "five", "end"));
    EXPECT_EQ(cut, (std::vector<bool>{false, true, false}));
  });
}

/// Sizes of a batch: those of one length may go as segments of one message.
std::vector<std::string> bodies(std::initializer_list<std::size_t> sizes) {
  std::vector<std::string> all;
  for (const std::size_t size : sizes) {
    all.emplace_back(size, static_cast<char>('a' + all.size() % 26));
  }
  return all;
}

TEST_P(UDPSockets, send_batches_of_any_shape) {
  const std::vector<std::string> all = bodies(
      {1200, 1200, 1200,  7,     7,     7,    1200, 0,    0,    9,  4000,  4000, 4000,
       3999, 1,    30000, 30000, 30000, 1400, 1400, 1400, 1400, 12, 65507, 65507});
  std::vector<OutgoingDatagram> batch;
  for (const std::string& one : all) batch.push_back({one, to_second});
  play([&, this]() -> Task<void> {
    for (std::size_t i = 0; i < batch.size(); i += 5) {
      const BatchSent sent = co_await first.send_batch(std::span(batch).subspan(i, 5));
      EXPECT_EQ(sent.count, 5u);
      EXPECT_FALSE(sent.error);
      EXPECT_EQ(
          co_await gather(second, 5),
          (std::vector<std::string>(all.begin() + static_cast<std::ptrdiff_t>(i),
                                    all.begin() + static_cast<std::ptrdiff_t>(i + 5))));
    }
  });
}

TEST_P(UDPSockets, send_long_batches_to_several_destinations) {
  UDPSocket third(AddressFamily::ipv4, loop);
  third.bind(any_port);
  const std::string body(100, 'x');
  std::vector<OutgoingDatagram> batch;
  for (int i = 0; i < 150; ++i) {
    batch.push_back({body, i % 5 == 0 ? local_address(third.fileno()) : to_second});
  }
  play([&, this]() -> Task<void> {
    TaskGroup readers(loop);
    const auto expect = [](UDPSocket& from, std::size_t count) -> Task<void> {
      EXPECT_EQ(co_await gather(from, count),
                std::vector<std::string>(count, std::string(100, 'x')));
    };
    for (int rounds = 0; rounds < 10; ++rounds) {
      readers.start(expect(second, 120));
      readers.start(expect(third, 30));
      const BatchSent sent = co_await first.send_batch(batch);
      EXPECT_EQ(sent.count, batch.size());
      co_await readers.join();
    }
  });
}

TEST_P(UDPSockets, tell_which_datagram_of_a_batch_was_refused) {
  const std::string too_long(65508, 'x');
  const std::array<OutgoingDatagram, 3> batch = {
      {{"one", to_second}, {too_long, to_second}, {"three", to_second}}};
  play([&, this]() -> Task<void> {
    BatchSent sent = co_await first.send_batch(batch);
    EXPECT_EQ(sent.count, 1u);
    EXPECT_EQ(sent.error, std::errc::message_size);
    sent = co_await first.send_batch(std::span(batch).subspan(2));
    EXPECT_EQ(sent.count, 1u);
    EXPECT_EQ(co_await gather(second, 2), strings("one", "three"));
  });
}

TEST_P(UDPSockets, are_as_before_after_a_receive_that_timed_out) {
  play([this]() -> Task<void> {
    EXPECT_EQ(co_await error_of_receive(second, 1ms), Errc::timed_out);
    EXPECT_EQ(co_await error_of_receive(second, 0ms), Errc::timed_out);
    co_await first.send_to("x", to_second);
    EXPECT_EQ(texts(co_await second.receive(60s)), strings("x"));
  });
}

Task<void> read_once(UDPSocket& from, bool& got) {
  (void)co_await from.receive();
  got = true;
}

TEST_P(UDPSockets, lose_no_datagram_when_a_reader_is_destroyed) {
  play([this]() -> Task<void> {
    for (int turns = 0; turns < 10; ++turns) {
      bool got = false;
      std::optional<TaskGroup> reader(std::in_place, loop);
      reader->start(read_once(second, got));
      co_await moment();
      // Ready in the same turn, so that a reader ends between the event and its turn.
      FdPair pipe = make_socket_pair();
      const Registration ending(
          loop, pipe.first.get(),
          [&](NativeFd, Events) {
            (void)drain(pipe.first.get());
            if (turns % 2 == 1) reader.reset();
          },
          Events::read);
      first.send_to("kept", to_second);
      put_byte(pipe.second);
      for (int i = 0; i < turns / 2; ++i) co_await moment();
      reader.reset();
      if (!got) {
        EXPECT_EQ(texts(co_await second.receive()), strings("kept"));
      }
      EXPECT_EQ(co_await error_of_receive(second, 0ms), Errc::timed_out);
    }
  });
}

TEST_P(UDPSockets, lose_no_datagram_when_a_reader_is_cancelled) {
  play([this]() -> Task<void> {
    for (int turns = 0; turns < 5; ++turns) {
      bool got = false;
      TaskGroup reader(loop);
      reader.start(read_once(second, got));
      co_await moment();
      first.send_to("kept", to_second);
      for (int i = 0; i < turns; ++i) co_await moment();
      reader.cancel();
      if (turns == 0) {
        // The cancelled reader has not ended yet.
        EXPECT_EQ(texts(co_await second.receive()), strings("kept"));
        got = true;
      }
      co_await reader.join();
      if (!got) {
        EXPECT_EQ(texts(co_await second.receive()), strings("kept"));
      }
      EXPECT_EQ(co_await error_of_receive(second, 0ms), Errc::timed_out);
    }
  });
}

TEST_P(UDPSockets, call_back_with_what_has_arrived) {
  play([this]() -> Task<void> {
    std::vector<std::string> all;
    std::error_code end;
    // Begins the next receive itself.
    std::function<void(Result<DatagramBatch>)> hear =
        [&](Result<DatagramBatch> result) {
          try {
            for (std::string& one : texts(result.get())) all.push_back(std::move(one));
            second.receive(all.size() < 2 ? 60s : 0s).call(hear);
          } catch (const std::system_error& error) {
            end = error.code();
          }
        };
    second.receive().call(hear);
    co_await moment();
    co_await first.send_to("one", to_second);
    while (all.empty()) co_await moment();
    co_await first.send_to("two", to_second);
    while (!end) co_await moment();
    EXPECT_EQ(all, strings("one", "two"));
    EXPECT_EQ(end, Errc::timed_out);
  });
}

TEST_P(UDPSockets, destroy_a_callback_without_calling_it_when_they_are_destroyed) {
  play([this]() -> Task<void> {
    const auto alive = std::make_shared<int>();
    auto doomed = std::make_unique<UDPSocket>(AddressFamily::ipv4, loop);
    doomed->receive().call([alive](Result<DatagramBatch>) { ADD_FAILURE(); });
    co_await moment();
    doomed.reset();
    while (alive.use_count() > 1) co_await moment();
    second.close();
    EXPECT_THROW(second.receive().call([](Result<DatagramBatch>) {}),
                 std::system_error);
  });
}

TEST_P(UDPSockets, refuse_a_second_reader) {
  play([this]() -> Task<void> {
    TaskGroup reader(loop);
    reader.start(
        [](UDPSocket& from) -> Task<void> { (void)co_await from.receive(); }(second));
    co_await moment();
    EXPECT_EQ(co_await error_of_receive(second), std::errc::operation_in_progress);
    co_await first.send_to("x", to_second);
    co_await reader.join();
  });
}

TEST_P(UDPSockets, end_the_wait_of_a_reader_when_they_are_destroyed) {
  play([this]() -> Task<void> {
    auto doomed = std::make_unique<UDPSocket>(AddressFamily::ipv4, loop);
    TaskGroup reader(loop);
    reader.start(expect_abandoned(*doomed));
    co_await moment();
    doomed.reset();
    co_await reader.join();
    second.close();
    second.close();
    EXPECT_TRUE(second.closed());
    EXPECT_EQ(co_await error_of_receive(second), std::errc::bad_file_descriptor);
    EXPECT_THROW(second.send_to("x", to_first), std::system_error);
    EXPECT_THROW(second.set_broadcast(true), std::system_error);
  });
}

TEST_P(UDPSockets, may_be_moved_under_a_reader) {
  play([this]() -> Task<void> {
    TaskGroup reader(loop);
    reader.start(expect_text(second, "x"));
    co_await moment();
    const UDPSocket moved = std::move(second);
    co_await first.send_to("x", to_second);
    co_await reader.join();
    EXPECT_FALSE(moved.closed());
  });
}

TEST_P(UDPSockets, may_be_destroyed_on_another_thread) {
  play([this]() -> Task<void> {
    auto doomed = std::make_unique<UDPSocket>(AddressFamily::ipv4, loop);
    TaskGroup reader(loop);
    reader.start(expect_abandoned(*doomed));
    co_await moment();
    co_await run_in_executor([&doomed] { doomed.reset(); });
    co_await reader.join();
  });
}

TEST_P(UDPSockets, refuse_another_thread) {
  play([this]() -> Task<void> {
    co_await run_in_executor([this] {
      try {
        first.send_to("x", to_second);
        ADD_FAILURE() << "another thread may send";
      } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), Errc::wrong_thread);
      }
    });
  });
}

TEST_P(UDPSockets, outlive_their_loop) {
  auto own = std::make_unique<IOLoop>(
      LoopOptions{.poller = GetParam(), .make_current = false});
  UDPSocket socket(AddressFamily::ipv4, *own);
  own->spawn_callback(
      [](UDPSocket& from) -> Task<void> { (void)co_await from.receive(); }(socket));
  own->add_callback([&own] { own->stop(); });
  own->start();
  own.reset();
  EXPECT_THROW(socket.send_to("x", to_second), std::system_error);
  socket.close();
  EXPECT_TRUE(socket.closed());
}

TEST_P(UDPSockets, close_no_number_that_their_loop_has_closed) {
  const auto own = std::make_unique<IOLoop>(
      LoopOptions{.poller = GetParam(), .make_current = false});
  UDPSocket socket(AddressFamily::ipv4, *own);
  own->spawn_callback(
      [](UDPSocket& from) -> Task<void> { (void)co_await from.receive(); }(socket));
  own->add_callback([&own] { own->stop(); });
  own->start();
  own->close(true);
  EXPECT_TRUE(socket.closed());
  const NumbersTaken again;
  socket.close();
  EXPECT_TRUE(again.are_open());
}

TEST_P(UDPSockets, leave_no_descriptor_behind) {
  const std::set<NativeFd> before = open_numbers();
  {
    UDPSocket socket(AddressFamily::ipv4, loop);
    socket.bind(any_port);
    EXPECT_THROW(UDPSocket(AddressFamily::ipv4, loop).bind(to_first),
                 std::system_error);
    EXPECT_THROW(UDPSocket(UniqueFd(), loop), std::system_error);
  }
  EXPECT_EQ(open_numbers(), before);
}

TEST_P(UDPSockets, hear_their_peer_alone_when_connected) {
  play([this]() -> Task<void> {
    UDPSocket third(AddressFamily::ipv4, loop);
    third.bind(any_port);
    first.connect(to_second);
    second.connect(to_first);
    third.send_to("from a stranger", to_second);
    co_await first.send("from the peer");
    EXPECT_EQ(co_await gather(second, 1), strings("from the peer"));
    EXPECT_EQ(co_await error_of_receive(second, 0ms), Errc::timed_out);
  });
}

TEST_P(UDPSockets, name_the_destination_of_a_refused_datagram) {
  play([this]() -> Task<void> {
    const std::string wrong = co_await failure_of(
        [this] { return first.send_to("x", SocketAddress("::1", 1)); });
    EXPECT_TRUE(wrong.starts_with("send to [::1]:1: ")) << wrong;
    EXPECT_NE(co_await failure_of([this] { return first.send("x"); }), "");
    EXPECT_EQ(co_await failure_of([this] { return first.send_to("x", to_second); }),
              "");
  });
}

TEST_P(UDPSockets, hear_nothing_of_other_destinations_without_a_callback) {
  play([this]() -> Task<void> {
    for (int i = 0; i < 10; ++i) {
      co_await first.send_to("lost", address_without_socket());
      co_await first.send_to("x", to_second);
    }
    EXPECT_EQ(co_await gather(second, 10), std::vector<std::string>(10, "x"));
    EXPECT_EQ(co_await error_of_receive(first, 1ms), Errc::timed_out);
  });
}

}  // namespace
}  // namespace tornado::test
