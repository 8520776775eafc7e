// SPDX-License-Identifier: Apache-2.0
#include "tornado/udp.h"

#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "stream_ends.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/open_numbers.h"
#include "support/sanitizers.h"
#include "tornado/executor.h"
#include "tornado/registration.h"

#if defined(__linux__)
#include <sys/syscall.h>
#endif

namespace tornado::test {
namespace {

const SocketAddress any_port("127.0.0.1", 0);

/// A port of loopback where no socket is.
SocketAddress nobody() {
  const UniqueFd socket = make_socket(AF_INET, SOCK_DGRAM);
  EXPECT_EQ(::bind(socket.get(), static_cast<const sockaddr*>(any_port.data()),
                   static_cast<socklen_t>(any_port.size())),
            0);
  return local_address(socket.get());
}

template <class... Text>
std::vector<std::string> strings(Text... text) {
  return {text...};
}

std::vector<std::string> texts(DatagramBatch batch) {
  std::vector<std::string> all;
  for (const Datagram& one : batch) all.emplace_back(one.bytes);
  return all;
}

/// What sending has thrown; "" for nothing.
template <class F>
Task<std::string> failure_of(F send) {
  try {
    co_await send();
  } catch (const std::system_error& error) {
    co_return error.what();
  }
  co_return std::string();
}

Task<std::error_code> error_of_receive(UDPSocket& socket,
                                       std::optional<Delay> timeout = {}) {
  try {
    (void)co_await socket.receive(timeout);
  } catch (const std::system_error& error) {
    co_return error.code();
  }
  co_return std::error_code();
}

Task<void> expect_abandoned(UDPSocket& from) {
  EXPECT_EQ(co_await error_of_receive(from), Errc::abandoned);
}

/// Two sockets with names, on each poller.
class UDPSockets : public testing::TestWithParam<PollerKind> {
 protected:
  UDPSockets() {
    first.bind(any_port);
    second.bind(any_port);
    to_first = local_address(first.fileno());
    to_second = local_address(second.fileno());
  }
  template <class F>
  void play(F body) {
    run_on(loop, std::move(body));
  }
  /// So many datagrams have arrived.
  static Task<std::vector<std::string>> gather(UDPSocket& socket, std::size_t count) {
    std::vector<std::string> all;
    while (all.size() < count) {
      for (std::string& one : texts(co_await socket.receive())) {
        all.push_back(std::move(one));
      }
    }
    co_return all;
  }

  IOLoop loop{LoopOptions{.poller = GetParam()}};
  UDPSocket first{AddressFamily::ipv4, loop};
  UDPSocket second{AddressFamily::ipv4, loop};
  SocketAddress to_first;
  SocketAddress to_second;
};
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
    reader.start([](UDPSocket& from) -> Task<void> {
      EXPECT_EQ(texts(co_await from.receive()), strings("late"));
    }(second));
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

TEST_P(UDPSockets, tell_the_local_address_when_asked) {
  for (const char* const ip : {"127.0.0.1", "::1"}) {
    const AddressFamily family = SocketAddress(ip, 0).family();
    std::optional<UDPSocket> wide;
    try {
      wide.emplace(family, loop, UDPOptions{.packet_info = true});
      wide->bind(SocketAddress(family == AddressFamily::ipv4 ? "0.0.0.0" : "::", 0));
      UDPSocket sender(family, loop);
      sender.bind(SocketAddress(ip, 0));
      const SocketAddress to(ip, local_address(wide->fileno()).port());
      play([&]() -> Task<void> {
        co_await sender.send_to("x", to);
        const DatagramBatch batch = co_await wide->receive();
        EXPECT_EQ(batch.front().local, SocketAddress(ip, 0));
        EXPECT_EQ(batch.front().interface_index, ::if_nametoindex("lo"));
      });
    } catch (const std::system_error& error) {
      if (family == AddressFamily::ipv4) throw;  // a machine may lack IPv6
    }
  }
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
      FdPair pipe = make_pipe();
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
    reader.start([](UDPSocket& from) -> Task<void> {
      EXPECT_EQ(texts(co_await from.receive()), strings("x"));
    }(second));
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
  const std::set<int> before = open_numbers();
  {
    UDPSocket socket(AddressFamily::ipv4, loop);
    socket.bind(any_port);
    EXPECT_THROW(UDPSocket(AddressFamily::ipv4, loop).bind(to_first),
                 std::system_error);
    EXPECT_THROW(UDPSocket(UniqueFd(), loop), std::system_error);
  }
  EXPECT_EQ(open_numbers(), before);
}

TEST_P(UDPSockets, close_nothing_of_their_parent_in_a_forked_child) {
  if (under_thread_sanitizer()) GTEST_SKIP() << "the sanitizer is not fork-safe";
  play([this]() -> Task<void> {
    TaskGroup reader(loop);
    reader.start([](UDPSocket& from) -> Task<void> {
      EXPECT_EQ(texts(co_await from.receive()), strings("x"));
    }(second));
    co_await moment();
    EXPECT_TRUE(passes_in_child([this] {
      EXPECT_THROW(second.send_to("x", to_first), std::system_error);
      second.close();
      first.close();
    }));
    co_await first.send_to("x", to_second);
    co_await reader.join();
  });
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

TEST_P(UDPSockets, give_a_connected_reader_what_ICMP_tells_and_stay_open) {
  play([this]() -> Task<void> {
    first.connect(nobody());
    co_await first.send("x");
    EXPECT_EQ(co_await error_of_receive(first), std::errc::connection_refused);
    EXPECT_EQ(co_await error_of_receive(first, 1ms), Errc::timed_out);
    EXPECT_FALSE(first.closed());
  });
}

TEST_P(UDPSockets, hear_nothing_of_other_destinations_without_a_callback) {
  play([this]() -> Task<void> {
    for (int i = 0; i < 10; ++i) {
      co_await first.send_to("lost", nobody());
      co_await first.send_to("x", to_second);
    }
    EXPECT_EQ(co_await gather(second, 10), std::vector<std::string>(10, "x"));
    EXPECT_EQ(co_await error_of_receive(first, 1ms), Errc::timed_out);
  });
}

#if defined(__linux__)

using Heard = std::vector<std::pair<SocketAddress, std::error_code>>;

class UDPErrors : public UDPSockets {
 protected:
  void hear(UDPSocket& socket) {
    socket.set_error_callback(
        [this](const SocketAddress& destination, std::error_code error) {
          heard.emplace_back(destination, error);
        });
  }
  Heard heard;
};
INSTANTIATE_TEST_SUITE_P(, UDPErrors, testing::ValuesIn(working_poller_kinds()),
                         name_of_poller);

TEST_P(UDPErrors, are_told_with_their_destination_and_lose_no_datagram) {
  hear(first);
  play([this]() -> Task<void> {
    TaskGroup reader(loop);
    reader.start(
        [](UDPSocket& from) -> Task<void> { (void)co_await gather(from, 20); }(second));
    std::vector<SocketAddress> gone;
    for (int i = 0; i < 10; ++i) {
      gone.push_back(nobody());
      co_await first.send_to("lost", gone.back());
      co_await first.send_to("x", to_second);
      const OutgoingDatagram batch[] = {{"x", to_second}, {"lost", gone.back()}};
      const BatchSent sent = co_await first.send_batch(batch);
      EXPECT_EQ(sent.count, 2u);
      co_await second.send_to("y", to_first);
    }
    co_await reader.join();
    EXPECT_EQ(co_await gather(first, 10), std::vector<std::string>(10, "y"));
    while (heard.size() < 20) {
      EXPECT_EQ(co_await error_of_receive(first, 1ms), Errc::timed_out);
    }
    for (const auto& [destination, error] : heard) {
      EXPECT_EQ(error, std::errc::connection_refused);
      EXPECT_NE(std::ranges::find(gone, destination), gone.end());
    }
  });
}

TEST_P(UDPErrors, of_a_connected_socket_go_to_the_callback_alone) {
  hear(first);
  play([this]() -> Task<void> {
    const SocketAddress gone = nobody();
    first.connect(gone);
    for (int i = 0; i < 3; ++i) co_await first.send("x");
    while (heard.size() < 3) {
      EXPECT_EQ(co_await error_of_receive(first, 1ms), Errc::timed_out);
    }
    EXPECT_EQ(heard.front().first, gone);
  });
}

TEST_P(UDPErrors, do_not_keep_the_loop_busy) {
  hear(first);
  play([this]() -> Task<void> {
    for (int i = 0; i < 5; ++i) co_await first.send_to("lost", nobody());
    while (heard.size() < 5) (void)co_await error_of_receive(first, 1ms);
    const std::uint64_t before = loop.counters().events;
    EXPECT_EQ(co_await error_of_receive(first, 20ms), Errc::timed_out);
    EXPECT_LE(loop.counters().events - before, 1u);
    // Without a reader, and without a callback.
    co_await first.send_to("lost", nobody());
    first.set_error_callback(nullptr);
    co_await first.send_to("lost", nobody());
    co_await sleep(20ms);
    EXPECT_LE(loop.counters().events - before, 3u);
  });
}

TEST_P(UDPErrors, may_end_the_socket_in_their_callback) {
  play([this]() -> Task<void> {
    auto doomed = std::make_unique<UDPSocket>(AddressFamily::ipv4, loop);
    bool told = false;
    doomed->set_error_callback([&](const SocketAddress&, std::error_code) {
      EXPECT_FALSE(told);
      told = true;
      doomed.reset();
    });
    TaskGroup reader(loop);
    reader.start(expect_abandoned(*doomed));
    co_await moment();
    doomed->send_to("lost", nobody());
    doomed->send_to("lost", nobody());
    co_await reader.join();
    EXPECT_TRUE(told);
  });
}

TEST_P(UDPErrors, may_replace_their_callback_and_throw) {
  loop.set_exception_policy(ExceptionPolicy::log);
  play([this]() -> Task<void> {
    first.set_error_callback([this](const SocketAddress&, std::error_code) {
      hear(first);
      throw std::runtime_error("thrown in a callback of the test");
    });
    first.send_to("lost", nobody());
    first.send_to("lost", nobody());
    while (heard.empty()) (void)co_await error_of_receive(first, 1ms);
  });
}

#endif

TEST_P(UDPSockets, wait_for_room_and_keep_the_order) {
  // Between Unix sockets the kernel loses no datagram.
  std::array<int, 2> ends;
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const int least = 1;
  ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
  UDPSocket writer{UniqueFd(ends[0]), loop};
  UDPSocket reader{UniqueFd(ends[1]), loop};
  play([&, this]() -> Task<void> {
    constexpr auto send_all = [](UDPSocket& to, int from, int end) -> Task<void> {
      for (int i = from; i < end; ++i) co_await to.send(std::to_string(i));
    };
    TaskGroup senders(loop);
    senders.start(send_all(writer, 0, 1000));
    co_await moment();
    EXPECT_EQ(co_await failure_of([&] { return writer.send("late", 1ms); }),
              "send: timed out");
    const OutgoingDatagram batch[] = {{"late"}, {"late"}};
    const BatchSent sent = co_await writer.send_batch(batch, 1ms);
    EXPECT_EQ(sent.count, 0u);
    EXPECT_EQ(sent.error, Errc::timed_out);
    std::vector<std::string> wanted;
    for (int i = 0; i < 1000; ++i) wanted.push_back(std::to_string(i));
    EXPECT_EQ(co_await gather(reader, 1000), wanted);
    co_await senders.join();
  });
}

TEST_P(UDPSockets, share_a_port_if_all_say_so) {
  UDPSocket one(AddressFamily::ipv4, loop, {.reuse_port = true});
  one.bind(any_port);
  UDPSocket other(AddressFamily::ipv4, loop, {.reuse_port = true});
  EXPECT_NO_THROW(other.bind(local_address(one.fileno())));
}

TEST_P(UDPSockets, send_to_the_members_of_a_group) {
  const unsigned lo = ::if_nametoindex("lo");
  const SocketAddress group("239.255.77.7", to_second.port());
  UDPSocket member(AddressFamily::ipv4, loop, {.reuse_port = true});
  UDPSocket other(AddressFamily::ipv4, loop, {.reuse_port = true});
  second.close();
  member.bind(SocketAddress("0.0.0.0", group.port()));
  other.bind(SocketAddress("0.0.0.0", group.port()));
  play([&, this]() -> Task<void> {
    member.join_group(group, lo);
    other.join_group(group, lo);
    first.set_multicast_interface(lo);
    first.set_multicast_ttl(0);
    co_await first.send_to("to all", group);
    EXPECT_EQ(co_await gather(member, 1), strings("to all"));
    EXPECT_EQ(co_await gather(other, 1), strings("to all"));
    other.leave_group(group, lo);
    member.leave_group(group, lo);
    EXPECT_THROW(member.leave_group(group, lo), std::system_error);
    member.join_group(group, lo);
    first.set_multicast_loop(true);
    co_await first.send_to("again", group);
    EXPECT_EQ(co_await gather(member, 1), strings("again"));
  });
}

TEST_P(UDPSockets, send_to_a_broadcast_address_when_they_are_allowed) {
  const SocketAddress everyone("127.255.255.255", to_second.port());
  UDPSocket wide(AddressFamily::ipv4, loop);
  second.close();
  wide.bind(SocketAddress("0.0.0.0", everyone.port()));
  play([&, this]() -> Task<void> {
    EXPECT_NE(co_await failure_of([&] { return first.send_to("x", everyone); }), "");
    first.set_broadcast(true);
    co_await first.send_to("x", everyone);
    EXPECT_EQ(co_await gather(wide, 1), strings("x"));
  });
}

#if defined(__linux__)

TEST_P(UDPSockets, move_one_by_one_where_a_filter_forbids_batches) {
  if (!can_deny()) GTEST_SKIP() << "no filters here";
  EXPECT_TRUE(passes_in_child([] {
    for (const int error : {ENOSYS, EPERM}) {
      ASSERT_TRUE(deny({{SYS_recvmmsg, error}, {SYS_sendmmsg, error}}));
      IOLoop own(LoopOptions{.poller = GetParam(), .make_current = false});
      UDPSocket one(AddressFamily::ipv4, own);
      UDPSocket other(AddressFamily::ipv4, own);
      other.bind(any_port);
      const SocketAddress to = local_address(other.fileno());
      const OutgoingDatagram batch[] = {{"a", to}, {"bb", to}, {"ccc", to}};
      run_on(own, [&]() -> Task<void> {
        EXPECT_EQ((co_await one.send_batch(batch)).count, 3u);
        EXPECT_EQ(co_await gather(other, 3), strings("a", "bb", "ccc"));
      });
    }
  }));
}

#endif

}  // namespace
}  // namespace tornado::test
