// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "net_ends.h"
#include "support/limits.h"
#include "support/log_capture.h"
#include "support/open_numbers.h"
#include "support/pollers.h"
#include "support/wait.h"
#include "tornado/testing.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;

TEST(TestPortAllocation, test_reuse_port) {
  const BindOptions options = {.address = "127.0.0.1", .reuse_port = true};
  const auto first = bind_sockets(0, options);
  const std::uint16_t port = local_address(first.front().get()).port();
  EXPECT_EQ(bind_sockets(port, options).size(), 1u);
  EXPECT_EQ(error_of([port] { return bind_sockets(port, {.address = "127.0.0.1"}); }),
            std::errc::address_in_use);
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

class AcceptorAtTheLimit : public testing::TestWithParam<PollerKind> {};
INSTANTIATE_TEST_SUITE_P(, AcceptorAtTheLimit,
                         testing::ValuesIn(working_poller_kinds()), name_of_poller);

// In simulated time, whose turns do not depend on the machine.
TEST_P(AcceptorAtTheLimit, closes_a_client_and_pauses) {
  if (!descriptor_limit_holds()) GTEST_SKIP() << "no limit here";
  Simulation simulation;
  LoopOptions options = simulation.options();
  options.poller = GetParam();
  IOLoop own(options);
  const UniqueFd listener =
      std::move(bind_sockets(0, {.address = "127.0.0.1"}).front());
  const LogCapture log;
  std::vector<UniqueFd> accepted;
  const Acceptor acceptor(own, listener.get(), [&](UniqueFd fd, SocketAddress) {
    accepted.push_back(std::move(fd));
  });
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 3; ++i)
    clients.push_back(connect_to(local_address(listener.get())));
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
  clients.push_back(connect_to(local_address(listener.get())));
  run_for(1s);
  EXPECT_FALSE(accepted.empty());
}

}  // namespace
}  // namespace tornado::test
