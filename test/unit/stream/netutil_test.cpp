// SPDX-License-Identifier: Apache-2.0
#include "tornado/netutil.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "stream_ends.h"
#include "support/limits.h"
#include "support/log_capture.h"
#include "support/open_numbers.h"
#include "support/pollers.h"
#include "support/wait.h"
#include "tornado/testing.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

UniqueFd connect_to(const SocketAddress& address) {
  UniqueFd socket =
      make_socket(static_cast<const sockaddr*>(address.data())->sa_family, SOCK_STREAM);
  if (::connect(socket.get(), static_cast<const sockaddr*>(address.data()),
                static_cast<socklen_t>(address.size())) == -1 &&
      errno != EINPROGRESS) {
    throw std::system_error(errno, std::system_category(), "connect");
  }
  return socket;
}

template <class F>
std::error_code error_of(F act) {
  try {
    (void)act();
  } catch (const std::system_error& error) {
    return error.code();
  }
  return {};
}

TEST(TestPortAllocation, test_same_port_allocation) {
  const auto sockets = bind_sockets(0, {.address = "localhost"});
  ASSERT_FALSE(sockets.empty());
  const std::uint16_t port = local_address(sockets.front().get()).port();
  EXPECT_NE(port, 0);
  for (const UniqueFd& socket : sockets) {
    EXPECT_EQ(local_address(socket.get()).port(), port);
  }
}

TEST(TestPortAllocation, test_reuse_port) {
  const BindOptions options = {.address = "127.0.0.1", .reuse_port = true};
  const auto first = bind_sockets(0, options);
  const std::uint16_t port = local_address(first.front().get()).port();
  EXPECT_EQ(bind_sockets(port, options).size(), 1u);
  EXPECT_EQ(error_of([port] { return bind_sockets(port, {.address = "127.0.0.1"}); }),
            std::errc::address_in_use);
}

TEST(BindSockets, leaves_nothing_behind_after_an_error) {
  const std::set<int> before = open_numbers();
  const std::error_code error =
      error_of([] { return bind_sockets(80, {.address = "192.0.2.1"}); });
  EXPECT_EQ(error, std::errc::address_not_available);
  EXPECT_NE(error_of([] { return bind_sockets(0, {.address = "127.0.0.1 "}); }),
            std::error_code());
  EXPECT_EQ(open_numbers(), before);
}

class UnixSocket : public testing::Test {
 protected:
  UnixSocket() { std::filesystem::create_directory(folder); }
  ~UnixSocket() override { std::filesystem::remove_all(folder); }
  const std::string folder = (std::filesystem::temp_directory_path() /
                              ("tornado-" + std::to_string(::getpid())))
                                 .string();
  const std::string path = folder + "/socket";
};

TEST_F(UnixSocket, has_its_rights_and_takes_connections) {
  const UniqueFd listener = bind_unix_socket(path, 0640);
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
  const UniqueFd client = connect_to(SocketAddress::local(path));
  EXPECT_TRUE(becomes_readable(listener.get()));
}

TEST_F(UnixSocket, replaces_a_socket_and_no_other_file) {
  { const UniqueFd old = bind_unix_socket(path); }
  const UniqueFd listener = bind_unix_socket(path);
  EXPECT_TRUE(connect_to(SocketAddress::local(path)));
  const std::string file = folder + "/file";
  std::ofstream(file) << "keep";
  EXPECT_EQ(error_of([&] { return bind_unix_socket(file); }), std::errc::file_exists);
  EXPECT_EQ(std::filesystem::file_size(file), 4u);
}

TEST_F(UnixSocket, may_have_an_abstract_name) {
  const std::string name = '\0' + path;
  const UniqueFd listener = bind_unix_socket(name);
  EXPECT_EQ(local_address(listener.get()), SocketAddress::local(name));
  EXPECT_TRUE(connect_to(SocketAddress::local(name)));
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

// In simulated time, whose turns do not depend on the machine.
TEST_P(AcceptorTest, closes_a_client_and_pauses_at_the_limit) {
  if (!descriptor_limit_holds()) GTEST_SKIP() << "no limit here";
  Simulation simulation;
  LoopOptions options = simulation.options();
  options.poller = GetParam();
  IOLoop own(options);
  const LogCapture log;
  std::vector<UniqueFd> accepted;
  const Acceptor acceptor(own, listener.get(), [&](UniqueFd fd, SocketAddress) {
    accepted.push_back(std::move(fd));
  });
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(connect());
  const auto run_for = [&own](std::chrono::milliseconds time) {
    own.call_later(time, [&own] { own.stop(); });
    own.start();
  };
  {
    const DescriptorLimit limit(static_cast<rlim_t>(*open_numbers().rbegin()) + 1);
    std::vector<UniqueFd> all;  // the gaps between the numbers
    while (error_of([&] { all.push_back(duplicate(listener.get())); }) ==
           std::error_code()) {
    }
    const std::uint64_t before = own.counters().turns;
    run_for(1s);
    EXPECT_LE(own.counters().turns - before, 20u);
    EXPECT_TRUE(accepted.empty());
  }
  EXPECT_EQ(log.count(LogLevel::warning), 1u);
  clients.push_back(connect());
  run_for(1s);
  EXPECT_FALSE(accepted.empty());
}

}  // namespace
}  // namespace tornado::test
