// SPDX-License-Identifier: Apache-2.0
// The system calls and allocations of a message and of a handshake. Both ends are of
// this process, and counted.
#include <gtest/gtest.h>

#include <string_view>
#include <utility>
#include <vector>

#include "platform/tcp_pair.h"
#include "support/pollers.h"
#include "support/wait.h"
#include "testing/fault_ledger.h"
#include "tls/tls_filter.h"
#include "tls_ends.h"
#include "tornado/faults.h"
#include "tornado/gen.h"
#include "tornado/multi.h"

namespace tornado::test {
namespace {

constexpr std::uint32_t messages = 100;

std::uint32_t sends(const FaultInjection& injection) {
  return injection.count("send") + injection.count("sendmsg");
}

class TLSCosts : public testing::TestWithParam<PollerKind> {
 protected:
  IOLoop loop{LoopOptions{.poller = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(, TLSCosts, testing::ValuesIn(working_poller_kinds()),
                         name_of_poller);

Task<> answer(IOStream& stream) {
  try {
    for (;;) co_await stream.write(co_await stream.read_some_view());
  } catch (const StreamClosedError&) {
  }
}

Task<> ask(IOStream& stream, std::uint32_t times) {
  for (std::uint32_t i = 0; i < times; ++i) {
    co_await stream.write("message");
    const std::string_view answered = co_await stream.read_some_view();
    EXPECT_EQ(answered, "message");
  }
}

TEST_P(TLSCosts, of_an_echo_are_a_receive_and_a_send_at_each_end) {
  for (const TLSVersion version : {TLSVersion::tls1_2, TLSVersion::tls1_3}) {
    auto [server, client] = open_tls_pair(loop, {}, version);
    loop.spawn_callback(answer(server));
    loop.run_sync(ask(client, messages), patience);  // until pools have what they need
    Task<> questions = ask(client, messages);
    const FaultInjection injection;
    loop.run_sync(std::move(questions), patience);
    const std::uint32_t allocated = injection.count("operator new");
    EXPECT_EQ(injection.count("recv"), 2 * messages);
    EXPECT_EQ(sends(injection), 2 * messages);
    EXPECT_EQ(injection.count("epoll_ctl"), 0u);
    EXPECT_LE(allocated, 4u);  // of run_sync()
    client.close();
  }
}

/// Blocks that operator new has for pairs of ends that have exchanged a message. The
/// memory of OpenSSL does not come from it.
template <class F>
long blocks_at_rest(IOLoop& loop, long pairs, F open_pair) {
  std::vector<std::pair<IOStream, IOStream>> all;
  all.reserve(static_cast<std::size_t>(pairs));
  const long before = faults::live_blocks();
  for (long i = 0; i < pairs; ++i) {
    auto& [server, client] = all.emplace_back(open_pair());
    loop.spawn_callback(answer(server));
    loop.run_sync(ask(client, 1), patience);
  }
  const long blocks = faults::live_blocks() - before;
  all.clear();
  loop.run_sync([]() -> Task<> { co_await moment(); }());  // the tasks end
  return blocks;
}

TEST_P(TLSCosts, of_ends_at_rest_are_two_blocks_each_and_a_name) {
  constexpr long pairs = 32;
  for (const TLSVersion version : {TLSVersion::tls1_2, TLSVersion::tls1_3}) {
    const auto open_protected = [&] { return open_tls_pair(loop, {}, version); };
    const auto open_plain = [&] {
      FdPair ends = open_tcp_pair();
      return std::pair(IOStream(std::move(ends.first), loop),
                       IOStream(std::move(ends.second), loop));
    };
    blocks_at_rest(loop, pairs, open_protected);  // what all have in common
    const long plain = blocks_at_rest(loop, pairs, open_plain);
    const long over_tls = blocks_at_rest(loop, pairs, open_protected);
    // The filter, what a stream with a filter has beside its core, and the client's
    // name for its sessions.
    EXPECT_LE(over_tls - plain, pairs * 5 + pairs / 2);
  }
  static_assert(sizeof(detail::TLSFilter) <= 144);
}

Task<> shake_hands_of(SSLIOStream& server, SSLIOStream& client) {
  const auto wait = [](SSLIOStream& stream) -> Task<> {
    co_await stream.wait_for_handshake();
  };
  co_await multi(wait(server), wait(client));
}

// The hello, the certificate, the client's end of it, and the tickets.
TEST_P(TLSCosts, of_a_handshake_are_a_send_for_each_step) {
  for (const TLSVersion version : {TLSVersion::tls1_2, TLSVersion::tls1_3}) {
    const SSLContext of_server = SSLContext::for_server(server_options(version));
    const SSLContext of_client = SSLContext::for_client(client_options());
    FdPair ends = open_tcp_pair();
    SSLIOStream server(std::move(ends.first), loop, of_server);
    SSLIOStream client(std::move(ends.second), loop, of_client, "localhost");
    const FaultInjection injection;
    loop.run_sync(shake_hands_of(server, client), patience);
    EXPECT_EQ(sends(injection), 4u);
  }
}

}  // namespace
}  // namespace tornado::test
