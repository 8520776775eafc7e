// SPDX-License-Identifier: Apache-2.0
#include "tornado/unix_stream.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "stream_ends.h"
#include "support/limits.h"
#include "support/open_numbers.h"
#include "tornado/netutil.h"
#include "tornado/platform.h"

namespace tornado::test {
namespace {

class UnixStreams : public testing::TestWithParam<PollerKind> {
 protected:
  template <class F>
  void play(F body) {
    run_on(loop, std::move(body));
  }

  IOLoop loop{LoopOptions{.poller = GetParam()}};
  FdPair ends = make_socket_pair();
  UnixStream reader{std::move(ends.first), loop};
  UnixStream writer{std::move(ends.second), loop};
};
INSTANTIATE_TEST_SUITE_P(, UnixStreams, testing::ValuesIn(working_poller_kinds()),
                         name_of_poller);

std::vector<UniqueFd> copies(NativeFd fd, int count) {
  std::vector<UniqueFd> all;
  for (int i = 0; i < count; ++i) all.push_back(duplicate(fd));
  return all;
}

TEST_P(UnixStreams, carry_descriptors_beside_their_bytes) {
  FdPair pipe = make_pipe();
  play([&, this]() -> Task<void> {
    writer.write("before ");
    std::vector<UniqueFd> sent;
    sent.push_back(std::move(pipe.second));
    co_await writer.write_with("with ", std::move(sent));
    writer.write("after");
    EXPECT_EQ(co_await reader.read_until(" "), "before ");
    EXPECT_EQ(co_await reader.read_bytes(10), "with after");
    const std::vector<UniqueFd> got = reader.take_descriptors();
    EXPECT_EQ(got.size(), 1u);
    if (got.size() != 1) co_return;
    EXPECT_TRUE(is_close_exec(got.front().get()));
    PipeIOStream in(std::move(pipe.first), loop);
    EXPECT_EQ(::write(got.front().get(), "x", 1), 1);
    EXPECT_EQ(co_await in.read_bytes(1), "x");
  });
}

TEST_P(UnixStreams, carry_the_most_that_a_message_may_have) {
  play([this]() -> Task<void> {
    for (const int count : {0, 1, 253}) {
      co_await writer.write_with("x", copies(writer.fileno(), count));
      EXPECT_EQ(co_await reader.read_bytes(1), "x");
      EXPECT_EQ(reader.take_descriptors().size(), static_cast<std::size_t>(count));
    }
  });
  EXPECT_THROW(writer.write_with("", copies(writer.fileno(), 1)), std::system_error);
  EXPECT_THROW(writer.write_with("x", copies(writer.fileno(), 254)), std::system_error);
  EXPECT_THROW(writer.write_with("x", std::vector<UniqueFd>(1)), std::system_error);
}

TEST_P(UnixStreams, keep_the_order_of_many_messages) {
  play([this]() -> Task<void> {
    std::string all;
    for (int i = 0; i < 100; ++i) {
      const std::string bytes(1 + static_cast<std::size_t>(i) * 50, 'x');
      writer.write_with(bytes, copies(writer.fileno(), 1));
      all += bytes;
    }
    EXPECT_EQ(co_await reader.read_bytes(all.size()), all);
    EXPECT_EQ(reader.take_descriptors().size(), 100u);
  });
}

TEST_P(UnixStreams, leave_no_descriptor_behind_that_was_not_sent_or_taken) {
  const std::set<int> before = open_numbers();
  play([this]() -> Task<void> {
    co_await writer.write_with("x", copies(writer.fileno(), 3));
    EXPECT_EQ(co_await reader.read_bytes(1), "x");
    writer.write_with("y", copies(writer.fileno(), 3));
    writer.close(std::make_error_code(std::errc::operation_canceled));
  });
  { const UnixStream gone = std::move(reader); }
  std::set<int> after = open_numbers();
  EXPECT_TRUE(std::ranges::includes(before, after));
}

TEST_P(UnixStreams, close_when_some_descriptors_were_lost) {
  if (!descriptor_limit_holds()) GTEST_SKIP() << "no limit here";
  play([this]() -> Task<void> {
    co_await writer.write_with("bytes", copies(writer.fileno(), 20));
    co_await writer.flush();
    const DescriptorLimit limit(static_cast<rlim_t>(*open_numbers().rbegin()) + 5);
    std::vector<UniqueFd> all;
    try {
      for (;;) all.push_back(duplicate(writer.fileno()));
    } catch (const std::system_error&) {
    }
    if (all.size() < 4) throw std::logic_error("the limit leaves no room");
    all.resize(all.size() - 4);
    EXPECT_EQ(co_await reader.read_bytes(5), "bytes");
    EXPECT_EQ(reader.take_descriptors().size(), 4u);
    EXPECT_EQ(co_await outcome_of([this] { return reader.read_bytes(1); }),
              "closed: Too many open files");
  });
}

TEST_P(UnixStreams, wait_for_room_at_a_listener) {
  const std::string name = '\0' + std::string("tornado-") + std::to_string(::getpid());
  const UniqueFd listener = bind_unix_socket(name, 0600, 0);
  play([&, this]() -> Task<void> {
    std::vector<UnixStream> clients;
    TaskGroup connecting(loop);
    for (int i = 0; i < 3; ++i) {
      clients.emplace_back(make_socket(AF_UNIX, SOCK_STREAM), loop);
    }
    int connected = 0;
    for (UnixStream& client : clients) {
      connecting.start([](UnixStream& from, std::string to, int& count) -> Task<void> {
        co_await from.connect(SocketAddress::local(to));
        ++count;
      }(client, name, connected));
    }
    co_await moment();
    EXPECT_LT(connected, 3);
    std::vector<UniqueFd> accepted;
    const Acceptor acceptor(loop, listener.get(), [&](UniqueFd fd, SocketAddress) {
      accepted.push_back(std::move(fd));
    });
    co_await connecting.join();
    EXPECT_EQ(connected, 3);
  });
}

TEST_P(UnixStreams, know_the_process_at_the_other_end) {
  const PeerCredentials peer = writer.peer_credentials();
  EXPECT_EQ(peer.pid, ::getpid());
  EXPECT_EQ(peer.user, ::getuid());
}

}  // namespace
}  // namespace tornado::test
