// SPDX-License-Identifier: Apache-2.0
// Datagrams with what only POSIX systems have: children, ICMP, filters.
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/child.h"
#include "support/deny.h"
#include "support/sanitizers.h"
#include "tornado/registration.h"
#include "udp_ends.h"

#if defined(__linux__)
#include <sys/syscall.h>
#endif

namespace tornado::test {
namespace {

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

TEST_P(UDPSockets, close_nothing_of_their_parent_in_a_forked_child) {
  if (under_thread_sanitizer()) GTEST_SKIP() << "the sanitizer is not fork-safe";
  play([this]() -> Task<void> {
    TaskGroup reader(loop);
    reader.start(expect_text(second, "x"));
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

TEST_P(UDPSockets, give_a_connected_reader_what_ICMP_tells_and_stay_open) {
  play([this]() -> Task<void> {
    first.connect(address_without_socket());
    co_await first.send("x");
    EXPECT_EQ(co_await error_of_receive(first), std::errc::connection_refused);
    EXPECT_EQ(co_await error_of_receive(first, 1ms), Errc::timed_out);
    EXPECT_FALSE(first.closed());
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
      gone.push_back(address_without_socket());
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
    const SocketAddress gone = address_without_socket();
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
    for (int i = 0; i < 5; ++i)
      co_await first.send_to("lost", address_without_socket());
    while (heard.size() < 5) (void)co_await error_of_receive(first, 1ms);
    const std::uint64_t before = loop.counters().events;
    EXPECT_EQ(co_await error_of_receive(first, 20ms), Errc::timed_out);
    EXPECT_LE(loop.counters().events - before, 1u);
    // Without a reader, and without a callback.
    co_await first.send_to("lost", address_without_socket());
    first.set_error_callback(nullptr);
    co_await first.send_to("lost", address_without_socket());
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
    doomed->send_to("lost", address_without_socket());
    doomed->send_to("lost", address_without_socket());
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
    first.send_to("lost", address_without_socket());
    first.send_to("lost", address_without_socket());
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
