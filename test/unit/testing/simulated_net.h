// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/open_numbers.h"
#include "tornado/gen.h"
#include "tornado/iostream.h"
#include "tornado/tcp_client.h"
#include "tornado/tcp_server.h"
#include "tornado/testing.h"

namespace tornado::test {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

/// A loop in a network. Nothing of it may be left behind.
class SimulatedNet {
 public:
  explicit SimulatedNet(std::uint64_t seed = 1)
      : simulation({.seed = seed, .patience = 0ms}), loop(simulation.options()) {
    network.set_observer(
        [this](const NetworkEvent& event) { trace.push_back(to_string(event)); });
  }
  ~SimulatedNet() {
    network.set_observer({});
    loop.close();
  }

  /// Runs a task, or a function that makes one.
  template <class T>
  auto play(T task) {
    begin = simulation.now();
    return loop.run_sync(std::move(task));
  }
  /// Since the last play() began.
  [[nodiscard]] nanoseconds time() const { return simulation.now() - begin; }

  Simulation simulation;
  SimulatedNetwork& network = simulation.network();
  IOLoop loop;
  std::vector<std::string> trace;
  TimePoint begin = simulation.now();
};

class SimulatedNetTest : public testing::Test {
 protected:
  ~SimulatedNetTest() override {
    net.reset();
    EXPECT_EQ(open_numbers(), before);
  }

  const std::set<NativeFd> before = open_numbers();
  std::unique_ptr<SimulatedNet> net = std::make_unique<SimulatedNet>();
};

// What a user has written. Nothing in it knows of a simulation.

inline Task<void> echo_lines(IOStream stream, SocketAddress) {
  for (;;) co_await stream.write(co_await stream.read_until("\n"));
}

inline Task<std::string> ask(std::string host, std::uint16_t port, std::string line) {
  TCPClient client;
  IOStream stream = co_await client.connect(host, port);
  stream.write(line + '\n');
  co_return co_await stream.read_until("\n");
}

/// How a task ended: "" for a result, the real error of a stream, or what was thrown.
template <class T>
Task<std::string> outcome_of(Task<T> task) {
  try {
    (void)co_await std::move(task);
  } catch (const StreamClosedError& error) {
    co_return error.real_error() ? error.real_error().message() : "closed";
  } catch (const std::exception& error) {
    co_return error.what();
  }
  co_return std::string();
}

}  // namespace tornado::test
