// SPDX-License-Identifier: Apache-2.0
// Servers and clients in a simulated network.
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "support/open_numbers.h"
#include "tornado/gen.h"
#include "tornado/netutil.h"
#include "tornado/tcp_client.h"
#include "tornado/tcp_server.h"
#include "tornado/testing.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// What a user has written: nothing in it knows of a simulation.

Task<void> echo_lines(IOStream stream, SocketAddress) {
  for (;;) co_await stream.write(co_await stream.read_until("\n"));
}

Task<std::string> ask(std::string host, std::uint16_t port, std::string line) {
  TCPClient client;
  IOStream stream = co_await client.connect(host, port);
  co_await stream.write(line + '\n');
  co_return co_await stream.read_until("\n");
}

class Net : public testing::Test {
 protected:
  explicit Net(std::uint64_t seed = 1)
      : simulation({.seed = seed, .patience = 0ms}), loop(simulation.options()) {
    network.set_host("10.0.0.2", {.latency = 20ms});
    network.set_name("server.example", {"10.0.0.2"}, 5ms);
  }
  template <class T>
  T run(Task<T> task) {
    return loop.run_sync(std::move(task));
  }
  [[nodiscard]] nanoseconds time() const { return simulation.now() - begin; }

  Simulation simulation;
  SimulatedNetwork& network = simulation.network();
  IOLoop loop;
  const TimePoint begin = simulation.now();
};

using SimulatedNetworks = Net;

TEST_F(SimulatedNetworks, carry_an_unchanged_server_and_client) {
  TCPServer server(echo_lines);
  server.listen(80, {.address = "server.example"});
  EXPECT_EQ(server.addresses().front(), SocketAddress("10.0.0.2", 80));
  EXPECT_EQ(run(ask("server.example", 80, "hello")), "hello\n");
  // A lookup, the handshake, and the line there and back.
  EXPECT_EQ(time(), 5ms + 40ms + 40ms);
}

}  // namespace
}  // namespace tornado::test
