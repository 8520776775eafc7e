// SPDX-License-Identifier: Apache-2.0
// Networks that delay, lose, refuse or swallow packets.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "dialogues.h"
#include "network.h"
#include "peer.h"
#include "tornado/resolver.h"
#include "tornado/task_group.h"
#include "tornado/tcp_client.h"

namespace tornado::test {
namespace {

/// A name with an address of each family, IPv6 first.
class BothFamilies final : public Resolver {
 public:
  Task<Addresses> resolve(std::string, std::uint16_t port, AddressFamily) override {
    Addresses found;
    found.emplace_back("::1", port);
    found.emplace_back("127.0.0.1", port);
    co_return found;
  }
};

class BrokenNetwork : public WithPeers {
 protected:
  BrokenNetwork() : WithPeers({"nft"}) {}

  void SetUp() override {
    WithPeers::SetUp();
    if (IsSkipped()) return;
    try {
      const PacketRule harmless("tcp dport 9 drop");
    } catch (const std::runtime_error&) {
      GTEST_SKIP() << "no nft in this kernel";
    }
  }

  void TearDown() override {
    server.stop();
    server.cancel_connections();
    WithPeers::TearDown();
  }

  /// The port of a server on both families.
  static std::uint16_t listen_on_both(TCPServer& server) {
    server.listen(0);
    return server.addresses().front().port();
  }

  /// The address that a connection to the server's name reaches.
  Task<std::string> reached(std::uint16_t port, Delay attempt_delay) {
    TCPClient client(both);
    IOStream stream =
        co_await client.connect("name", port, {.attempt_delay = attempt_delay});
    EXPECT_EQ(co_await through(stream, "bytes"), "bytes");
    co_return remote_address(stream.fileno()).ip();
  }

  BothFamilies both;
  TCPServer server{echo};
};

constexpr Delay hours = std::chrono::hours(1);

std::string packets_to(std::uint16_t port) {
  return "tcp dport " + std::to_string(port) + " ";
}
std::string packets_from(std::uint16_t port) {
  return "tcp sport " + std::to_string(port) + " ";
}
std::string over_ipv6(const std::string& packets) {
  return "meta nfproto ipv6 " + packets;
}

TEST_F(BrokenNetwork, swallows_ipv6_and_ipv4_is_reached) {
  play([this]() -> Task<void> {
    const std::uint16_t port = listen_on_both(server);
    EXPECT_EQ(co_await reached(port, 250ms), "::1");
    const PacketRule swallow(over_ipv6(packets_to(port)) + "drop");
    EXPECT_EQ(co_await reached(port, 250ms), "127.0.0.1");
  });
}

TEST_F(BrokenNetwork, refuses_ipv6_and_ipv4_is_tried_at_once) {
  play([this]() -> Task<void> {
    const std::uint16_t port = listen_on_both(server);
    for (const std::string how :
         {"tcp reset", "icmpv6 type port-unreachable", "icmpv6 type no-route",
          "icmpv6 type addr-unreachable", "icmpv6 type admin-prohibited"}) {
      const PacketRule refuse(over_ipv6(packets_to(port)) + "reject with " + how);
      EXPECT_EQ(co_await reached(port, hours), "127.0.0.1") << how;
    }
  });
}

// IPv4 fails at once, and IPv6 loses its first packet: the kernel sends it again.
TEST_F(BrokenNetwork, keeps_an_attempt_on_while_others_fail) {
  play([this]() -> Task<void> {
    const std::uint16_t port = listen_on_both(server);
    const std::string first = "tcp flags & (syn | ack) == syn ";
    const PacketRule refuse("meta nfproto ipv4 " + packets_to(port) +
                            "reject with tcp reset");
    const PacketRule lose(over_ipv6(packets_to(port)) + first +
                          "numgen inc mod 2 == 0 drop");
    EXPECT_EQ(co_await reached(port, 10ms), "::1");
    EXPECT_EQ(co_await reached(port, 10ms), "::1");
  });
}

TEST_F(BrokenNetwork, fails_with_the_error_of_each_address) {
  play([this]() -> Task<void> {
    const std::uint16_t port = listen_on_both(server);
    const PacketRule refuse(over_ipv6(packets_to(port)) + "reject with tcp reset");
    const PacketRule reject("meta nfproto ipv4 " + packets_to(port) +
                            "reject with icmp type host-unreachable");
    std::vector<ConnectError::Attempt> attempts;
    try {
      (void)co_await reached(port, hours);
    } catch (const ConnectError& error) {
      attempts = error.attempts();
    }
    EXPECT_EQ(attempts.size(), 2u);
    if (attempts.size() != 2) co_return;
    EXPECT_EQ(attempts[0].error, std::errc::connection_refused);
    EXPECT_EQ(attempts[1].error, std::errc::host_unreachable);
  });
}

/// The message of the system_error that a task throws.
Task<std::string> failure_of(Task<void> task) {
  try {
    co_await std::move(task);
  } catch (const std::system_error& error) {
    co_return error.code() == Errc::timed_out ? "timed out" : error.what();
  } catch (const StreamClosedError& error) {
    co_return error.what();
  }
  co_return "none";
}

TEST_F(BrokenNetwork, swallows_all_and_the_timeout_of_a_connect_holds) {
  play([this]() -> Task<void> {
    const std::uint16_t port = listen_on_both(server);
    const PacketRule swallow(packets_to(port) + "drop");
    TCPClient client(both);
    constexpr auto connect = [](TCPClient& by, std::uint16_t to) -> Task<void> {
      (void)co_await by.connect("name", to, {.timeout = 50ms, .attempt_delay = 10ms});
    };
    EXPECT_EQ(co_await failure_of(connect(client, port)), "timed out");
  });
}

TEST_F(BrokenNetwork, swallows_a_connection_and_a_read_that_timed_out_goes_on_later) {
  play([this]() -> Task<void> {
    const std::uint16_t port = listen_on_both(server);
    IOStream stream = co_await dial(port);
    EXPECT_EQ(co_await through(stream, "before"), "before");
    PacketRule swallow(packets_from(port) + "drop");
    stream.write("after");
    constexpr auto read = [](IOStream& from) -> Task<void> {
      (void)co_await from.read_bytes(5, 50ms);
    };
    EXPECT_EQ(co_await failure_of(read(stream)), "timed out");
    swallow.lift();
    EXPECT_EQ(co_await stream.read_bytes(5), "after");
  });
}

TEST_F(BrokenNetwork, swallows_a_connection_and_the_timeout_of_a_flush_closes_it) {
  play([this]() -> Task<void> {
    const std::uint16_t port = listen_on_both(server);
    IOStream stream = co_await dial(port);
    EXPECT_EQ(co_await through(stream, "before"), "before");
    const PacketRule swallow(packets_to(port) + "drop");
    stream.write(noise(16 << 20));
    constexpr auto flush = [](IOStream& to) -> Task<void> { co_await to.flush(50ms); };
    EXPECT_EQ(co_await failure_of(flush(stream)), "timed out");
    EXPECT_TRUE(stream.closed());
  });
}

TEST_F(BrokenNetwork, swallows_the_end_and_the_limits_of_finish_hold) {
  play([this]() -> Task<void> {
    const std::uint16_t port = listen_on_both(server);
    for (const FinishLimits limits :
         {FinishLimits{.in_all = 50ms}, FinishLimits{.without_a_byte = 50ms}}) {
      IOStream stream = co_await dial(port);
      EXPECT_EQ(co_await through(stream, "before"), "before");
      const PacketRule swallow(packets_to(port) + "drop");
      stream.write("never there");
      co_await stream.finish(limits);
      EXPECT_TRUE(stream.closed());
    }
  });
}

TEST_F(BrokenNetwork, resets_a_connection_and_both_ends_are_told) {
  std::string told;
  TCPServer watched([&told](IOStream stream, SocketAddress) -> Task<void> {
    stream.write("go\n");
    told = co_await ending_of(stream);
  });
  play([&]() -> Task<void> {
    const std::uint16_t port = listen(watched);
    IOStream stream = co_await dial(port);
    EXPECT_EQ(co_await stream.read_until("\n"), "go\n");
    // The answer to the next bytes is a reset, which goes to our end alone.
    PacketRule reset(packets_to(port) + "reject with tcp reset");
    stream.write("bytes");
    EXPECT_EQ(co_await ending_of(stream), "Connection reset by peer");
    reset.lift();
    EXPECT_EQ(watched.connections(), 1u);  // nobody told it
    watched.cancel_connections();
  });
}

/// A megabyte and more there and back, by several connections at a time.
Task<void> expect_all_bytes(std::uint16_t port) {
  TaskGroup group;
  for (int i = 0; i < 4; ++i) {
    group.start([port]() -> Task<void> {
      IOStream stream = co_await dial(port);
      const std::string bytes = noise(1 << 20);
      std::string back = co_await through(stream, bytes);
      EXPECT_TRUE(back == bytes);
      co_await stream.shutdown_write();
      EXPECT_EQ(co_await stream.read_until_close(), "");
    });
  }
  co_await group.join();
}

TEST_F(BrokenNetwork, loses_packets_and_no_byte) {
  play([this]() -> Task<void> {
    const std::uint16_t port = listen_on_both(server);
    const PacketRule to(packets_to(port) + "numgen random mod 100 < 5 drop");
    const PacketRule from(packets_from(port) + "numgen random mod 100 < 5 drop");
    co_await expect_all_bytes(port);
  });
}

/// A discipline of tc for the loopback interface.
class SlowNetwork : public WithPeers, public testing::WithParamInterface<const char*> {
 protected:
  SlowNetwork() : WithPeers({"tc"}) {}

  void SetUp() override {
    WithPeers::SetUp();
    if (IsSkipped()) return;
    run_program({"ip", "link", "set", "lo", "mtu", "1500"});
    const std::string add = std::string("tc qdisc add dev lo root ") + GetParam();
    if (!run_program({"sh", "-c", add + " 2>&-"})) {
      GTEST_SKIP() << "this kernel does not know: " << add;
    }
  }
  void TearDown() override {
    if (!IsSkipped()) run_program({"tc", "qdisc", "del", "dev", "lo", "root"});
    WithPeers::TearDown();
  }
};
INSTANTIATE_TEST_SUITE_P(, SlowNetwork,
                         testing::Values("netem delay 10ms 5ms", "netem loss 2%",
                                         "netem delay 5ms reorder 20%",
                                         "netem duplicate 5%",
                                         "tbf rate 50mbit burst 16kb limit 32kb",
                                         "tbf rate 50mbit burst 4kb latency 200ms"),
                         [](const auto& one) {
                           const std::string text = one.param;
                           std::string name;
                           for (const char c : text) {
                             if (std::isalnum(static_cast<unsigned char>(c))) name += c;
                           }
                           return name;
                         });

TEST_P(SlowNetwork, loses_no_byte) {
  TCPServer server(echo);
  play([&]() -> Task<void> { co_await expect_all_bytes(listen(server)); });
}

}  // namespace
}  // namespace tornado::test
