// SPDX-License-Identifier: Apache-2.0
// The system calls and allocations of a message. The peer uses read and write, which
// streams over sockets do not use.

#include <unistd.h>

#include <array>
#include <map>
#include <string>
#include <string_view>

#include "stream_ends.h"
#include "tornado/faults.h"
#include "tornado/netutil.h"
#include "tornado/registration.h"

namespace tornado::test {
namespace {

constexpr std::uint32_t rounds = 100;
constexpr std::uint32_t rounds_to_settle = 50;

/// Calls of the library and of the test since `injection` was made.
class Costs {
 public:
  explicit Costs(const FaultInjection& injection)
      : allocations_(injection.count("operator new")) {  // before those of the map
    for (const FaultCall& call : fault_calls()) {
      counts_[call.name] = injection.count(call.name);
    }
  }
  [[nodiscard]] std::uint32_t of(std::string_view call) const {
    const auto found = counts_.find(call);
    return found == counts_.end() ? 0 : found->second;
  }
  [[nodiscard]] std::uint32_t sends() const { return of("send") + of("sendmsg"); }
  [[nodiscard]] std::uint32_t looks() const {
    return of("epoll_wait") + of("syscall epoll_pwait2") + of("poll") + of("ppoll") +
           of("pselect") + of("io_uring_submit_and_wait_timeout");
  }
  [[nodiscard]] std::uint32_t changes() const { return of("epoll_ctl"); }
  [[nodiscard]] std::uint32_t allocations() const { return allocations_; }

 private:
  std::uint32_t allocations_;
  std::map<std::string_view, std::uint32_t> counts_;
};

class StreamCosts : public testing::TestWithParam<PollerKind> {
 protected:
  /// Sends `message` each time when as many bytes have come back, and after some
  /// rounds gives the costs of the next ones. `serve` is the task of the stream.
  template <class F>
  void exchange(const std::string& message, F serve, std::size_t streams = 1) {
    struct Peer {
      UniqueFd fd;
      std::size_t received = 0;
      Registration handler;
    };
    std::vector<Peer> peers(streams);
    std::uint32_t answered = 0;
    std::optional<FaultInjection> injection;
    const auto on_answer = [&](Peer& peer) {
      std::array<char, 4096> room;
      peer.received +=
          static_cast<std::size_t>(::read(peer.fd.get(), room.data(), room.size()));
      if (peer.received < message.size()) return;
      peer.received = 0;
      ++answered;
      if (answered == rounds_to_settle * streams) injection.emplace();
      if (answered == (rounds_to_settle + rounds) * streams) {
        costs.emplace(*injection);
        return loop.stop();
      }
      ASSERT_GT(::write(peer.fd.get(), message.data(), message.size()), 0);
    };
    TaskGroup group(loop);
    for (Peer& peer : peers) {
      FdPair ends = open_tcp_pair();
      peer.fd = std::move(ends.second);
      peer.handler = Registration(
          loop, peer.fd.get(), [&](NativeFd, Events) { on_answer(peer); },
          Events::read);
      group.start(serve(IOStream(std::move(ends.first), loop)));
      ASSERT_GT(::write(peer.fd.get(), message.data(), message.size()), 0);
    }
    loop.start();
    messages = rounds * static_cast<std::uint32_t>(streams);
  }

  IOLoop loop{LoopOptions{.poller = GetParam()}};
  std::optional<Costs> costs;
  std::uint32_t messages = 0;
};
INSTANTIATE_TEST_SUITE_P(, StreamCosts, testing::ValuesIn(working_poller_kinds()),
                         name_of_poller);

Task<> echo(IOStream stream) {
  for (;;) co_await stream.write(co_await stream.read_some_view());
}

TEST_P(StreamCosts, of_an_echo_are_a_receive_and_a_send) {
  exchange("message", &echo);
  EXPECT_EQ(costs->of("recv"), messages);
  EXPECT_EQ(costs->of("send"), messages);
  EXPECT_EQ(costs->of("sendmsg"), 0u);
  EXPECT_EQ(costs->changes(), 0u);
  EXPECT_EQ(costs->allocations(), 0u);
  // For the message, and for the answer. With select, poll tells of errors each time.
  const std::uint32_t looks = GetParam() == PollerKind::select ? 4 : 2;
  EXPECT_LE(costs->looks(), looks * messages + 1);
}

TEST_P(StreamCosts, of_many_streams_at_once_are_those_of_each) {
  exchange("message", &echo, 50);
  EXPECT_EQ(costs->of("recv"), messages);
  EXPECT_EQ(costs->of("send"), messages);
  EXPECT_EQ(costs->changes(), 0u);
  EXPECT_EQ(costs->allocations(), 0u);
}

TEST_P(StreamCosts, of_lines_that_came_together_are_those_of_one_message) {
  std::string lines;
  for (int i = 0; i < 30; ++i) lines += "a line of thirty-two characters\n";
  exchange(lines, [](IOStream stream) -> Task<> {
    for (;;) co_await stream.write(co_await stream.read_until_view("\n"));
  });
  EXPECT_EQ(costs->of("recv"), messages);
  EXPECT_EQ(costs->of("send"), messages);
  EXPECT_EQ(costs->allocations(), 0u);
}

// The task lets the loop look seven times in each message.
TEST_P(StreamCosts, of_many_lines_are_less_than_a_send_for_each_look) {
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += "a line of thirty-two characters\n";
  exchange(lines, [](IOStream stream) -> Task<> {
    for (;;) co_await stream.write(co_await stream.read_until_view("\n"));
  });
  EXPECT_LE(costs->sends(), 3 * messages);
  EXPECT_EQ(costs->allocations(), 0u);
}

TEST_P(StreamCosts, of_writes_of_one_turn_are_those_of_one_write) {
  const std::string answer(100, 'x');
  exchange(answer + answer + answer, [](IOStream stream) -> Task<> {
    for (;;) {
      (void)co_await stream.read_bytes(300);
      const std::string part(100, 'x');
      for (int i = 0; i < 3; ++i) stream.write(part);
    }
  });
  EXPECT_EQ(costs->of("recv"), messages);
  EXPECT_EQ(costs->sends(), messages);
}

TEST_P(StreamCosts, of_a_long_write_are_one_call_with_what_was_gathered) {
  FdPair ends = open_tcp_pair();
  IOStream stream(std::move(ends.first), loop);
  run_on(loop, [&]() -> Task<void> {
    const FaultInjection injection;
    stream.write("head");
    co_await stream.write(std::string(8192, 'x'));
    const Costs of_writes(injection);
    EXPECT_EQ(of_writes.of("sendmsg"), 1u);
    EXPECT_EQ(of_writes.of("send"), 0u);
  });
}

}  // namespace
}  // namespace tornado::test
