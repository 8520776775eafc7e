// SPDX-License-Identifier: Apache-2.0
// What datagrams cost: the calls of the system, and of operator new.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "support/pollers.h"
#include "support/wait.h"
#include "tornado/faults.h"
#include "tornado/tornado.h"

namespace tornado::test {
namespace {

constexpr std::size_t batch_size = 30;  // after 32 the kernel may have more
constexpr std::uint32_t rounds = 50;

/// Two sockets of which the first sends to the second, each time in a turn of its own.
class UDPCounts : public testing::TestWithParam<PollerKind> {
 protected:
  UDPCounts() {
    second.bind(SocketAddress("127.0.0.1", 0));
    const SocketAddress to = local_address(second.fileno());
    for (std::size_t i = 0; i < batch_size; ++i) {
      same_sizes.push_back({std::string_view(bytes).substr(0, 100), to});
      all_sizes.push_back({std::string_view(bytes).substr(0, 100 + i), to});
    }
  }

  struct Counts {
    std::uint32_t sends = 0;
    std::uint32_t receives = 0;
    std::uint32_t others = 0;
    std::uint32_t allocations = 0;
  };

  static Task<void> send_rounds(UDPSocket& to, std::span<const OutgoingDatagram> all,
                                std::uint32_t times) {
    for (std::uint32_t i = 0; i < times; ++i) {
      EXPECT_EQ((co_await to.send_batch(all)).count, all.size());
      co_await moment();
      co_await moment();
    }
  }
  static Task<void> receive_all(UDPSocket& from, std::size_t count) {
    while (count > 0) count -= (co_await from.receive()).size();
  }

  /// Of so many batches, once all buffers are there.
  Counts of(std::span<const OutgoingDatagram> all, std::uint32_t times = rounds) {
    const auto play = [&] {
      loop.run_sync(
          [](UDPCounts& self, std::span<const OutgoingDatagram> what,
             std::uint32_t often) -> Task<void> {
            TaskGroup reader(self.loop);
            reader.start(receive_all(self.second, often * what.size()));
            co_await moment();
            co_await send_rounds(self.first, what, often);
            co_await reader.join();
          }(*this, all, times),
          patience);
    };
    play();
    const FaultInjection counting;
    play();
    return {
        counting.count("sendmmsg") + counting.count("sendmsg") + counting.count("send"),
        counting.count("recvmmsg") + counting.count("recvmsg") + counting.count("recv"),
        counting.count("epoll_ctl") + counting.count("setsockopt") +
            counting.count("getsockopt") + counting.count("getsockname") +
            counting.count("fcntl") + counting.count("ioctl PIDFD_GET_INFO"),
        counting.count("operator new")};
  }

  const std::string bytes = std::string(1000, 'x');
  std::vector<OutgoingDatagram> same_sizes;
  std::vector<OutgoingDatagram> all_sizes;
  IOLoop loop{LoopOptions{.poller = GetParam()}};
  UDPSocket first{AddressFamily::ipv4, loop};
  UDPSocket second{AddressFamily::ipv4, loop};
};
INSTANTIATE_TEST_SUITE_P(, UDPCounts, testing::ValuesIn(working_poller_kinds()),
                         name_of_poller);

TEST_P(UDPCounts, of_a_batch_are_one_call_each_way_and_no_allocation) {
  for (const auto& all : {all_sizes, same_sizes}) {
    const Counts counts = of(all);
    EXPECT_EQ(counts.sends, rounds);
    EXPECT_EQ(counts.receives, rounds);
    EXPECT_LE(counts.others, 2u);  // the first wait, and the last
    EXPECT_EQ(of(all, 2 * rounds).allocations, counts.allocations);  // of the tasks
  }
}

TEST_P(UDPCounts, of_one_datagram_are_one_call_each_way) {
  const Counts counts = of(std::span(same_sizes).first(1));
  EXPECT_EQ(counts.sends, rounds);
  EXPECT_EQ(counts.receives, rounds);
}

TEST_P(UDPCounts, of_segments_that_are_refused_are_one_more_call) {
  {
    const FaultInjection refusing({.call = "sendmsg", .error = EINVAL});
    loop.run_sync([this]() -> Task<void> {
      EXPECT_EQ((co_await first.send_batch(same_sizes)).count, batch_size);
      co_await receive_all(second, batch_size);
    });
    // One message with segments, and then one call for all by themselves.
    EXPECT_EQ(refusing.count("sendmsg"), 1u);
    EXPECT_EQ(refusing.count("sendmmsg"), 1u);
  }
  const Counts counts = of(same_sizes);
  EXPECT_EQ(counts.sends, rounds);
}

}  // namespace
}  // namespace tornado::test
