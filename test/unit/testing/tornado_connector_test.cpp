// SPDX-License-Identifier: Apache-2.0
// ConnectorTest of Tornado's tcpclient_test.py, in a simulated network. RFC 8305 has
// attempts alternate between the families, 250 ms apart.
#include <algorithm>
#include <string>
#include <system_error>
#include <vector>

#include "simulated_net.h"

namespace tornado::test {
namespace {

constexpr const char* a1 = "10.0.0.2";
constexpr const char* a2 = "10.0.0.3";
constexpr const char* b1 = "fd00::2";
constexpr const char* b2 = "fd00::3";
const SimulatedHost at_once{.latency = 0ms};
const SimulatedHost slow{.latency = 200ms};
const SimulatedHost refusing{.latency = 0ms, .refuses = true};
const SimulatedHost silent{.loss = 1};

class ConnectorTest : public SimulatedNetTest {
 protected:
  ConnectorTest() { server_.listen(80); }

  void set_hosts(std::vector<std::pair<std::string, SimulatedHost>> hosts) {
    std::vector<std::string> ips;
    for (const auto& [ip, how] : hosts) {
      net->network.set_host(ip, how);
      ips.push_back(ip);
    }
    net->network.set_name("name", ips);
  }
  /// The address of the winner, or what was thrown.
  std::string connect(std::optional<Delay> timeout = {}) {
    const auto run = [&]() -> Task<std::string> {
      try {
        TCPClient tcp;
        client_.emplace(co_await tcp.connect("name", 80, {.timeout = timeout}));
        co_return remote_address(client_->fileno()).ip();
      } catch (const ConnectError& error) {
        co_return std::to_string(error.attempts().size()) + " failed";
      } catch (const std::system_error& error) {
        co_return error.code().message();
      }
    };
    std::string result = net->play(run());
    taken_ = net->time();
    return result;
  }
  /// In the next minute no attempt begins, and all but the winner are closed.
  void expect_quiet_afterwards(std::size_t begun) {
    const auto wait = []() -> Task<void> { co_await sleep(1min); };
    net->play(wait());
    EXPECT_EQ(attempts(), begun);
    const std::size_t winner = client_ ? 2 : 0;  // and its end at the server
    EXPECT_EQ(net->network.sockets(), server_.addresses().size() + winner);
  }
  [[nodiscard]] std::size_t attempts() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(net->trace, [](const std::string& event) {
          return event.find(" connecting ") != std::string::npos;
        }));
  }

  ~ConnectorTest() override {
    client_.reset();
    server_.stop();
  }

  nanoseconds taken_{0};

 private:
  TCPServer server_{[](IOStream stream, SocketAddress) -> Task<void> {
    (void)co_await stream.read_until_close();
  }};
  std::optional<IOStream> client_;
};

TEST_F(ConnectorTest, test_immediate_success) {
  set_hosts({{a1, at_once}, {a2, at_once}});
  EXPECT_EQ(connect(), a1);
  expect_quiet_afterwards(1);
}

TEST_F(ConnectorTest, test_immediate_failure) {
  set_hosts({{a1, refusing}});
  EXPECT_EQ(connect(), "1 failed");
  expect_quiet_afterwards(1);
}

TEST_F(ConnectorTest, test_one_family_second_try) {
  set_hosts({{a1, refusing}, {a2, at_once}});
  EXPECT_EQ(connect(), a2);
  EXPECT_EQ(taken_, 0ns);  // the failure starts the next attempt
  expect_quiet_afterwards(2);
}

TEST_F(ConnectorTest, test_one_family_second_try_failure) {
  set_hosts({{a1, refusing}, {a2, refusing}});
  EXPECT_EQ(connect(), "2 failed");
  expect_quiet_afterwards(2);
}

TEST_F(ConnectorTest, test_two_families_immediate_failure) {
  set_hosts({{a1, refusing}, {a2, at_once}, {b1, at_once}});
  EXPECT_EQ(connect(), b1);
  EXPECT_EQ(taken_, 0ns);
  expect_quiet_afterwards(2);
}

TEST_F(ConnectorTest, test_two_families_timeout) {
  set_hosts({{a1, silent}, {b1, at_once}});
  EXPECT_EQ(connect(), b1);
  EXPECT_EQ(taken_, 250ms);
  expect_quiet_afterwards(2);
}

TEST_F(ConnectorTest, test_success_after_timeout) {
  set_hosts({{a1, slow}, {b1, silent}});
  EXPECT_EQ(connect(), a1);
  EXPECT_EQ(taken_, 400ms);
  expect_quiet_afterwards(2);
}

TEST_F(ConnectorTest, test_two_family_success_after_timeout) {
  set_hosts({{a1, slow}, {b1, at_once}});
  EXPECT_EQ(connect(), b1);
  expect_quiet_afterwards(2);  // the slow one was closed before it succeeded
}

TEST_F(ConnectorTest, test_all_fail) {
  set_hosts({{a1, refusing}, {a2, refusing}, {b1, refusing}, {b2, refusing}});
  EXPECT_EQ(connect(), "4 failed");
  expect_quiet_afterwards(4);
}

TEST_F(ConnectorTest, test_one_family_timeout_after_connect_timeout) {
  set_hosts({{a1, silent}, {a2, at_once}});
  EXPECT_EQ(connect(100ms), make_error_code(Errc::timed_out).message());
  EXPECT_EQ(taken_, 100ms);
  expect_quiet_afterwards(1);
}

TEST_F(ConnectorTest, test_one_family_second_try_after_connect_timeout) {
  set_hosts({{a1, refusing}, {a2, silent}});
  EXPECT_EQ(connect(100ms), make_error_code(Errc::timed_out).message());
  expect_quiet_afterwards(2);
}

TEST_F(ConnectorTest, test_one_family_success_before_connect_timeout) {
  set_hosts({{a1, at_once}});
  EXPECT_EQ(connect(100ms), a1);
  expect_quiet_afterwards(1);
}

TEST_F(ConnectorTest, test_one_family_second_try_failure_before_connect_timeout) {
  set_hosts({{a1, refusing}, {a2, refusing}});
  EXPECT_EQ(connect(100ms), "2 failed");
  expect_quiet_afterwards(2);
}

TEST_F(ConnectorTest, test_two_family_timeout_before_connect_timeout) {
  set_hosts({{a1, silent}, {b1, silent}});
  EXPECT_EQ(connect(300ms), make_error_code(Errc::timed_out).message());
  expect_quiet_afterwards(2);
}

TEST_F(ConnectorTest, test_two_family_timeout_after_connect_timeout) {
  set_hosts({{a1, silent}, {b1, at_once}});
  EXPECT_EQ(connect(100ms), make_error_code(Errc::timed_out).message());
  expect_quiet_afterwards(1);
}

class StreamDeadlines : public SimulatedNetTest {};

TEST_F(StreamDeadlines, are_for_all_pieces_of_a_read) {
  net->network.set_host("10.0.0.2", at_once);
  TCPServer server([](IOStream stream, SocketAddress) -> Task<void> {
    for (;;) {
      co_await stream.write("x");
      co_await sleep(1s);
    }
  });
  server.listen(80, {.address = "10.0.0.2"});
  const auto read = [](const char* host) -> Task<std::string> {
    TCPClient tcp;
    IOStream client = co_await tcp.connect(host, 80);
    const auto line = [&client]() -> Task<std::string> {
      co_return co_await client.read_until("\n", {.timeout = 10s});
    };
    const std::string outcome = co_await outcome_of(line());
    EXPECT_GE((co_await client.read_some()).size(), 9u);  // what came is still there
    co_return outcome;
  };
  EXPECT_EQ(net->play(read("10.0.0.2")), "read_until: timed out");
  EXPECT_EQ(net->time(), 10s);
}

}  // namespace
}  // namespace tornado::test
