// SPDX-License-Identifier: Apache-2.0
// Tests of a client and a server in a network that exists in simulated time alone.

#include <tornado/testing.h>
#include <tornado/tornado.h>

#include <iostream>
#include <string>
#include <system_error>

using namespace std::chrono_literals;

namespace {

// What is tested. Nothing in it knows of a simulation.

tornado::Task<void> serve(tornado::IOStream stream, tornado::SocketAddress) {
  for (;;) {
    const std::string name = co_await stream.read_until("\n");
    co_await stream.write("price of " + name);
  }
}

tornado::Task<std::string> ask_once(std::string name) {
  tornado::TCPClient client;
  tornado::IOStream stream = co_await client.connect("shop.example", 80);
  stream.write(name + "\n");
  co_return co_await stream.read_until("\n");
}

/// Tries until there is an answer, for three seconds each time.
tornado::Task<std::string> ask(std::string name) {
  for (;;) {
    try {
      co_return co_await tornado::with_timeout(3s, ask_once(name));
    } catch (const tornado::StreamClosedError&) {
    } catch (const std::system_error&) {
    }
    co_await tornado::sleep(1s);
  }
}

// The tests.

/// How long an answer takes in a network that `spoil` has changed.
template <class F>
double time_of_answer(std::uint64_t seed, F spoil) {
  tornado::Simulation simulation({.seed = seed});
  tornado::SimulatedNetwork& network = simulation.network();
  network.set_host("10.0.0.2", {.latency = 20ms});
  network.set_name("shop.example", {"10.0.0.2"}, 5ms);
  tornado::IOLoop loop(simulation.options());
  tornado::TCPServer server(serve);
  server.listen(80, {.address = "shop.example"});
  spoil(network, loop);
  const tornado::TimePoint begin = loop.time();
  const std::string answer = loop.run_sync(ask("tea"));
  if (answer != "price of tea\n") throw std::runtime_error(answer);
  return std::chrono::duration<double>(loop.time() - begin).count();
}

void cut(tornado::SimulatedNetwork& network, tornado::IOLoop& loop) {
  network.partition({"10.0.0.2"});
  loop.call_later(60s, [&network] { network.heal(); });
}

void wear_out(tornado::SimulatedNetwork& network, tornado::IOLoop&) {
  network.set_host("10.0.0.2", {.latency = 20ms,
                                .jitter = 5ms,
                                .loss = 0.2,
                                .resets = 0.1,
                                .short_moves = true});
}

}  // namespace

int main() {
  std::cout << "an answer takes " << time_of_answer(0, [](auto&, auto&) {}) << " s\n";
  std::cout << "without a network for a minute: " << time_of_answer(0, cut) << " s\n";
  int slow = 0;
  bool again = true;
  for (const std::uint64_t seed : tornado::simulation_seeds(100)) {
    const double time = time_of_answer(seed, wear_out);
    if (time < 1) continue;
    ++slow;
    again = again && time_of_answer(seed, wear_out) == time;
  }
  std::cout << (slow > 0 ? "some" : "none") << " of 100 bad networks cost a second, "
            << (again ? "and do so again\n" : "by chance\n");
}
