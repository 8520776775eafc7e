// SPDX-License-Identifier: Apache-2.0
#include "tornado/netutil.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "net_ends.h"
#include "support/log_capture.h"
#include "support/open_numbers.h"
#include "support/pollers.h"

namespace tornado::test {
namespace {

TEST(TestPortAllocation, test_same_port_allocation) {
  const auto sockets = bind_sockets(0, {.address = "localhost"});
  ASSERT_FALSE(sockets.empty());
  const std::uint16_t port = local_address(sockets.front().get()).port();
  EXPECT_NE(port, 0);
  for (const UniqueFd& socket : sockets) {
    EXPECT_EQ(local_address(socket.get()).port(), port);
  }
}

TEST(BindSockets, leaves_nothing_behind_after_an_error) {
  const auto fail = [] {
    EXPECT_EQ(error_of([] { return bind_sockets(80, {.address = "192.0.2.1"}); }),
              std::errc::address_not_available);
    EXPECT_NE(error_of([] { return bind_sockets(0, {.address = "127.0.0.1 "}); }),
              std::error_code());
  };
  fail();  // Winsock opens handles of its own at the first time
  const std::set<NativeFd> before = open_numbers();
  fail();
  EXPECT_EQ(open_numbers(), before);
}

class AcceptorTest : public testing::TestWithParam<PollerKind> {
 protected:
  UniqueFd connect() { return connect_to(local_address(listener.get())); }

  IOLoop loop{LoopOptions{.poller = GetParam()}};
  const UniqueFd listener =
      std::move(bind_sockets(0, {.address = "127.0.0.1"}).front());
};
INSTANTIATE_TEST_SUITE_P(, AcceptorTest, testing::ValuesIn(working_poller_kinds()),
                         name_of_poller);

TEST_P(AcceptorTest, gives_the_connection_and_its_peer) {
  SocketAddress peer;
  const Acceptor acceptor(loop, listener.get(),
                          [&](UniqueFd connection, SocketAddress p) {
                            EXPECT_EQ(remote_address(connection.get()), p);
                            peer = p;
                            loop.stop();
                          });
  const UniqueFd client = connect();
  loop.start();
  EXPECT_EQ(peer, local_address(client.get()));
}

TEST_P(AcceptorTest, takes_many_clients_in_a_turn_and_lets_the_loop_go_on) {
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(connect());
  int accepted = 0;
  int by_the_next_callback = 0;
  const Acceptor acceptor(loop, listener.get(), [&](UniqueFd, SocketAddress) {
    if (++accepted == 1) loop.add_callback([&] { by_the_next_callback = accepted; });
    if (accepted == 100) loop.stop();
  });
  loop.start();
  EXPECT_GT(by_the_next_callback, 1);
  EXPECT_LT(by_the_next_callback, 100);
}

TEST_P(AcceptorTest, stops_in_its_own_callback) {
  int accepted = 0;
  Acceptor acceptor;
  acceptor = Acceptor(loop, listener.get(), [&](UniqueFd, SocketAddress) {
    ++accepted;
    acceptor = Acceptor();
    loop.add_callback([this] { loop.stop(); });
  });
  const UniqueFd clients[] = {connect(), connect(), connect()};
  loop.start();
  EXPECT_EQ(accepted, 1);
}

TEST_P(AcceptorTest, outlives_its_loop) {
  auto own = std::make_unique<IOLoop>(LoopOptions{.poller = GetParam()});
  const Acceptor acceptor(*own, listener.get(), [](UniqueFd, SocketAddress) {});
  own.reset();
}

TEST_P(AcceptorTest, goes_on_after_a_callback_that_throws) {
  const LogCapture log;
  int accepted = 0;
  const Acceptor acceptor(loop, listener.get(), [&](UniqueFd, SocketAddress) {
    if (++accepted == 3) loop.stop();
    throw std::runtime_error("refused");
  });
  const UniqueFd clients[] = {connect(), connect(), connect()};
  loop.start();
  EXPECT_EQ(accepted, 3);
}

}  // namespace
}  // namespace tornado::test
