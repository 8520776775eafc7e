// SPDX-License-Identifier: Apache-2.0
// What a simulated network does, and when.
#include <sys/socket.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "simulated_net.h"
#include "support/sanitizers.h"
#include "tornado/multi.h"
#include "tornado/netutil.h"
#include "tornado/task_group.h"
#include "tornado/unix_stream.h"

namespace tornado::test {
namespace {

std::string message(std::errc error) {
  return std::make_error_code(error).message();
}

class SimulatedNetworks : public SimulatedNetTest {
 protected:
  SimulatedNetworks() { net->network.set_host("10.0.0.2", {.latency = 20ms}); }

  /// A stream that is connected to a server's stream: (client, server).
  struct Ends {
    std::optional<IOStream> client;
    std::optional<IOStream> server;
  };
  static Task<Ends> connect(std::string ip = "10.0.0.2",
                            const StreamOptions& options = {}) {
    Ends ends;
    TCPServer server([&ends](IOStream stream, SocketAddress) -> Task<void> {
      ends.server.emplace(std::move(stream));
      co_return;
    });
    server.listen(80, {.address = ip});
    TCPClient client;
    ends.client.emplace(co_await client.connect(ip, 80, {.stream = options}));
    while (!ends.server) co_await sleep(1ms);
    co_return ends;
  }
};

TEST_F(SimulatedNetworks, carry_an_unchanged_server_and_client) {
  net->network.set_name("server.example", {"10.0.0.2"}, 5ms);
  TCPServer server(echo_lines);
  server.listen(80, {.address = "server.example"});
  EXPECT_EQ(server.addresses().front(), SocketAddress("10.0.0.2", 80));
  EXPECT_EQ(net->play(ask("server.example", 80, "hello")), "hello\n");
  // A lookup, the handshake, and the line there and back.
  EXPECT_EQ(net->time(), 5ms + 40ms + 40ms);
}

nanoseconds time_of_thread() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

Task<void> ask_each_second(int count) {
  TCPClient client;
  IOStream stream = co_await client.connect("10.0.0.2", 80);
  for (int i = 0; i < count; ++i) {
    const std::string line = std::to_string(i) + '\n';
    co_await stream.write(line);
    EXPECT_EQ(co_await stream.read_until("\n"), line);
    co_await sleep(1s);
  }
}

TEST_F(SimulatedNetworks, pass_thousands_of_seconds_in_one) {
  net->network.set_observer({});
  TCPServer server(echo_lines);
  server.listen(80, {.address = "10.0.0.2"});
  const nanoseconds start = time_of_thread();
  net->play(ask_each_second(4000));
  const nanoseconds taken = time_of_thread() - start;
  EXPECT_GE(net->time(), 4000s);
  EXPECT_LT(net->loop.counters().turns, 4000u * 10);
  const bool slowed =
      under_address_sanitizer() || under_thread_sanitizer() || under_valgrind();
  if (!slowed) {
    EXPECT_LT(taken, 1s);
  }
  RecordProperty("milliseconds", std::to_string(taken / 1ms));
}

// Repeating.

Task<void> send_numbers(int client) {
  (void)co_await outcome_of([](int number) -> Task<void> {
    TCPClient tcp;
    IOStream stream = co_await tcp.connect("10.0.0.2", 80);
    for (int i = 0; i < 20; ++i) {
      co_await stream.write(std::string(1000, 'x') + std::to_string(number) + '\n');
      (void)co_await stream.read_until("\n");
    }
  }(client));
}

std::vector<std::string> trace_of(std::uint64_t seed) {
  SimulatedNet net(seed);
  net.network.set_host("10.0.0.2", {.latency = 20ms,
                                    .jitter = 5ms,
                                    .loss = 0.05,
                                    .resets = 0.01,
                                    .short_moves = true});
  TCPServer server(echo_lines);
  server.listen(80, {.address = "10.0.0.2"});
  net.play([]() -> Task<void> {
    TaskGroup clients;
    for (int i = 0; i < 5; ++i) clients.start(send_numbers(i));
    co_await clients.join();
  });
  return net.trace;
}

TEST_F(SimulatedNetworks, repeat_a_seed_exactly) {
  net.reset();
  const std::vector<std::string> first = trace_of(7);
  EXPECT_GT(first.size(), 100u);
  EXPECT_EQ(trace_of(7), first);
  EXPECT_NE(trace_of(8), first);
}

// Connecting.

TEST_F(SimulatedNetworks, refuse_a_connection_where_no_socket_listens) {
  const auto text = net->play(outcome_of(ask("10.0.0.2", 81, "")));
  EXPECT_TRUE(text.ends_with(message(std::errc::connection_refused))) << text;
  EXPECT_EQ(net->time(), 40ms);
}

TEST_F(SimulatedNetworks, refuse_connections_to_a_host_that_does) {
  net->network.set_host("10.0.0.2", {.latency = 3ms, .refuses = true});
  TCPServer server(echo_lines);
  server.listen(80);
  const auto text = net->play(outcome_of(ask("10.0.0.2", 80, "")));
  EXPECT_TRUE(text.ends_with(message(std::errc::connection_refused))) << text;
  EXPECT_EQ(net->time(), 6ms);
}

TEST_F(SimulatedNetworks, let_attempts_to_a_silent_host_time_out_as_linux_does) {
  net->network.set_host("10.0.0.2", {.loss = 1});
  const auto text = net->play(outcome_of(ask("10.0.0.2", 80, "")));
  EXPECT_TRUE(text.ends_with(message(std::errc::timed_out))) << text;
  EXPECT_EQ(net->time(), 127s);
}

TEST_F(SimulatedNetworks, try_a_lost_attempt_again_after_a_second) {
  TCPServer server(echo_lines);
  server.listen(80);
  net->network.partition({"10.0.0.2"});
  net->loop.call_later(500ms, [this] { net->network.heal(); });
  EXPECT_EQ(net->play(ask("10.0.0.2", 80, "hello")), "hello\n");
  EXPECT_EQ(net->time(), 1s + 80ms);
}

TEST_F(SimulatedNetworks, have_no_way_to_unknown_hosts) {
  const auto text = net->play(outcome_of(ask("10.9.9.9", 80, "")));
  EXPECT_TRUE(text.ends_with(message(std::errc::network_unreachable))) << text;
  EXPECT_EQ(net->time(), 0ns);
  EXPECT_THROW((void)bind_sockets(80, {.address = "10.9.9.9"}), std::system_error);
}

TEST_F(SimulatedNetworks, drop_attempts_while_the_backlog_is_full) {
  std::vector<UniqueFd> listeners =
      bind_sockets(80, {.address = "10.0.0.2", .backlog = 1});
  std::optional<TCPServer> server;
  net->loop.call_later(2s, [&] {
    server.emplace(echo_lines);
    server->add_sockets(std::move(listeners));
  });
  net->play([]() -> Task<void> {
    std::vector<Task<std::string>> both;
    both.push_back(ask("10.0.0.2", 80, "1"));
    both.push_back(ask("10.0.0.2", 80, "2"));
    co_await multi(std::move(both));
  });
  EXPECT_EQ(net->time(), 3s + 80ms);  // the third attempt of the second
}

TEST_F(SimulatedNetworks, give_sockets_the_names_that_a_system_gives) {
  net->network.set_host("10.0.0.3");
  net->play([]() -> Task<void> {
    std::optional<SocketAddress> seen;
    TCPServer server([&seen](IOStream stream, SocketAddress peer) -> Task<void> {
      seen = peer;
      EXPECT_EQ(remote_address(stream.fileno()), peer);
      EXPECT_EQ(local_address(stream.fileno()), SocketAddress("10.0.0.2", 80));
      co_await stream.write("x");
    });
    server.listen(80);
    TCPClient client;
    const SocketAddress source("10.0.0.3", 0);
    IOStream stream = co_await client.connect("10.0.0.2", 80, {.source = source});
    (void)co_await stream.read_bytes(1);
    EXPECT_EQ(seen->ip(), "10.0.0.3");
    EXPECT_EQ(local_address(stream.fileno()), *seen);
    EXPECT_EQ(remote_address(stream.fileno()), SocketAddress("10.0.0.2", 80));
  });
}

TEST_F(SimulatedNetworks, refuse_an_address_that_is_taken) {
  const auto first = bind_sockets(80, {.address = "10.0.0.2"});
  for (const char* address : {"10.0.0.2", "0.0.0.0"}) {
    try {
      (void)bind_sockets(80, {.address = address});
      ADD_FAILURE() << address;
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::address_in_use) << address;
    }
  }
  const auto others = bind_sockets(0, {.address = "10.0.0.2"});
  EXPECT_NE(local_address(others.front().get()).port(), 0);
}

// Connections.

TEST_F(SimulatedNetworks, keep_the_output_open_after_the_end_of_input) {
  net->play([]() -> Task<void> {
    Ends ends = co_await connect("10.0.0.2", {.half_open = true});
    ends.client->write("question");
    co_await ends.client->shutdown_write();
    EXPECT_EQ(co_await ends.server->read_bytes(8), "question");
    ends.server->write("answer");
    EXPECT_EQ(co_await ends.server->read_until_close(), "");
    EXPECT_EQ(co_await ends.client->read_until_close(), "answer");
  });
}

TEST_F(SimulatedNetworks, give_what_has_arrived_before_a_reset) {
  net->play([this]() -> Task<void> {
    Ends ends = co_await connect();
    ends.server->write("data");
    co_await sleep(1s);
    EXPECT_EQ(net->network.reset("10.0.0.2"), 1u);
    EXPECT_EQ(co_await ends.client->read_bytes(4), "data");
    EXPECT_EQ(co_await outcome_of([](IOStream& stream) -> Task<void> {
                (void)co_await stream.read_bytes(1);
              }(*ends.client)),
              message(std::errc::connection_reset));
    EXPECT_EQ(net->network.reset("10.0.0.2"), 0u);
  });
}

TEST_F(SimulatedNetworks, reset_a_connection_that_is_closed_with_unread_input) {
  net->play([]() -> Task<void> {
    Ends ends = co_await connect();
    ends.client->write("never read");
    co_await sleep(1s);
    ends.server->close();
    EXPECT_EQ(co_await outcome_of([](IOStream& stream) -> Task<void> {
                (void)co_await stream.read_until_close();
              }(*ends.client)),
              message(std::errc::connection_reset));
  });
}

TEST_F(SimulatedNetworks, reset_a_connection_that_is_aborted) {
  net->play([]() -> Task<void> {
    Ends ends = co_await connect();
    ends.server->write("data");
    co_await ends.server->flush();
    ends.server->abort();
    EXPECT_EQ(co_await ends.client->read_bytes(4), "data");
    EXPECT_EQ(co_await outcome_of([](IOStream& stream) -> Task<void> {
                (void)co_await stream.read_until_close();
              }(*ends.client)),
              message(std::errc::connection_reset));
  });
}

TEST_F(SimulatedNetworks, hold_bytes_back_while_they_are_parted) {
  net->play([this]() -> Task<void> {
    Ends ends = co_await connect();
    net->network.partition({"10.0.0.2"});
    const TimePoint parted = net->loop.time();
    net->loop.call_later(10s, [this] { net->network.heal(); });
    ends.client->write("1");
    co_await sleep(1s);
    ends.client->write("2");
    // Each is sent again after 0.2, 0.4, 0.8, 1.6, 3.2 and 6.4 seconds.
    EXPECT_EQ(co_await ends.server->read_bytes(1), "1");
    EXPECT_EQ(net->loop.time(), parted + 12600ms + 20ms);
    EXPECT_EQ(co_await ends.server->read_bytes(1), "2");
    EXPECT_EQ(net->loop.time(), parted + 13600ms + 20ms);
  });
}

TEST_F(SimulatedNetworks, end_a_connection_that_stays_parted) {
  net->play([this]() -> Task<void> {
    Ends ends = co_await connect();
    net->network.partition({"10.0.0.2"});
    const TimePoint parted = net->loop.time();
    ends.client->write("lost");
    EXPECT_EQ(co_await outcome_of([](IOStream& stream) -> Task<void> {
                (void)co_await stream.read_bytes(1);
              }(*ends.client)),
              message(std::errc::timed_out));
    EXPECT_GT(net->loop.time(), parted + 900s);
    EXPECT_LT(net->loop.time(), parted + 1000s);
    EXPECT_FALSE(ends.server->closed());  // it does not know
  });
}

Task<void> send_and_close(IOStream stream, std::string bytes) {
  co_await stream.write(bytes);
  co_await stream.flush();
}

TEST_F(SimulatedNetworks, move_parts_and_lose_nothing) {
  net->network.set_host(
      "10.0.0.2", {.latency = 1ms, .jitter = 1ms, .loss = 0.02, .short_moves = true});
  net->play([]() -> Task<void> {
    Ends ends = co_await connect();
    std::string sent;
    for (int i = 0; i < 100'000; ++i) sent += std::to_string(i);
    TaskGroup group;
    group.start(send_and_close(std::move(*ends.server), sent));
    EXPECT_EQ(co_await ends.client->read_until_close(), sent);
    co_await group.join();
  });
  const auto moves = std::ranges::count_if(net->trace, [](const std::string& line) {
    return line.find(" sent ") != line.npos;
  });
  EXPECT_GT(moves, 10);
}

TEST_F(SimulatedNetworks, take_the_time_of_their_bandwidth) {
  net->network.set_host("10.0.0.2", {.latency = 0ms, .bandwidth = 100'000});
  net->play([]() -> Task<void> {
    Ends ends = co_await connect();
    TaskGroup group;
    group.start(send_and_close(std::move(*ends.server), std::string(1'000'000, 'x')));
    EXPECT_EQ((co_await ends.client->read_until_close()).size(), 1'000'000u);
    co_await group.join();
  });
  EXPECT_GE(net->time(), 10s);
  EXPECT_LT(net->time(), 11s);
}

TEST_F(SimulatedNetworks, make_a_writer_wait_for_a_reader_that_sleeps) {
  net->play([]() -> Task<void> {
    Ends ends = co_await connect();
    const std::string much(1 << 20, 'x');
    ends.client->write(much);
    co_await sleep(10s);
    EXPECT_TRUE(ends.client->writing());
    EXPECT_EQ((co_await ends.server->read_bytes(1 << 20)).size(), much.size());
    co_await ends.client->flush();
  });
}

TEST_F(SimulatedNetworks, carry_unix_sockets_and_their_descriptors) {
  const UniqueFd listener = bind_unix_socket("/simulated/socket");
  EXPECT_THROW((void)bind_unix_socket("/simulated/socket"), std::system_error);
  std::optional<UnixStream> server;
  const Acceptor acceptor(net->loop, listener.get(),
                          [&](UniqueFd connection, SocketAddress) {
                            server.emplace(std::move(connection));
                          });
  net->play([&]() -> Task<void> {
    UnixStream client(make_socket(AF_UNIX, SOCK_STREAM));
    co_await client.connect(SocketAddress::local("/simulated/socket"));
    std::vector<UniqueFd> sent;
    FdPair pipe = make_pipe();
    sent.push_back(std::move(pipe.first));
    client.write("ab");
    client.write_with("cd", std::move(sent));
    while (!server) co_await moment();
    EXPECT_EQ(co_await server->read_bytes(2), "ab");
    EXPECT_TRUE(server->take_descriptors().empty());
    EXPECT_EQ(co_await server->read_bytes(2), "cd");
    std::vector<UniqueFd> came = server->take_descriptors();
    EXPECT_EQ(came.size(), 1u);
    EXPECT_NE(server->peer_credentials().pid, 0);
    PipeIOStream writer(std::move(pipe.second));
    PipeIOStream reader(std::move(came.front()));
    writer.write("through");
    EXPECT_EQ(co_await reader.read_bytes(7), "through");
  });
  server.reset();
}

// Names.

TEST_F(SimulatedNetworks, answer_for_names_late_or_with_an_error) {
  const auto failure = std::make_error_code(std::errc::resource_unavailable_try_again);
  net->network.set_name("both.example", {"fd00::1", "10.0.0.2"}, 3s);
  net->network.fail_name("broken.example", failure, 2s);
  net->play([]() -> Task<void> {
    Resolver& resolver = Resolver::standard();
    const auto both = co_await resolver.resolve("both.example", 1);
    EXPECT_EQ(both,
              (std::vector{SocketAddress("fd00::1", 1), SocketAddress("10.0.0.2", 1)}));
    const auto one = co_await resolver.resolve("both.example", 1, AddressFamily::ipv4);
    EXPECT_EQ(one, std::vector{SocketAddress("10.0.0.2", 1)});
  });
  EXPECT_EQ(net->time(), 6s);
  for (const char* name : {"broken.example", "unknown.example"}) {
    const auto text = net->play(outcome_of(Resolver::standard().resolve(name, 1)));
    EXPECT_TRUE(text.starts_with("resolve \"" + std::string(name))) << text;
  }
  EXPECT_EQ(net->time(), 0s);
}

// Wrong use.

TEST_F(SimulatedNetworks, tell_wrong_settings) {
  SimulatedNetwork& network = net->network;
  EXPECT_THROW(network.set_host("server.example"), std::system_error);
  EXPECT_THROW(network.set_host("10.0.0.3", {.loss = 1.5}), std::system_error);
  EXPECT_THROW(network.set_host("10.0.0.3", {.resets = -1}), std::system_error);
  EXPECT_THROW(network.set_host("10.0.0.3", {.buffer = 0}), std::system_error);
  EXPECT_THROW(network.set_name("name", {"name"}), std::system_error);
  EXPECT_THROW(network.partition({"10.0.0.3"}), std::system_error);
  EXPECT_THROW(network.reset("10.0.0.3"), std::system_error);
}

TEST_F(SimulatedNetworks, are_of_one_thread_which_has_one) {
  Simulation other;
  EXPECT_THROW((void)other.network(), std::logic_error);
  std::thread([this] {
    EXPECT_THROW((void)net->simulation.network(), std::system_error);
    Simulation own;
    IOLoop loop(own.options());
    own.network().set_host("10.0.0.2", {.latency = 1s});
    TCPServer server(echo_lines);
    server.listen(80);
    EXPECT_EQ(loop.run_sync(ask("10.0.0.2", 80, "hello")), "hello\n");
    EXPECT_EQ(own.now() - net->simulation.now(), 4s);
  }).join();
}

TEST_F(SimulatedNetworks, are_refused_by_other_loops) {
  const UniqueFd socket = make_socket(AF_INET, SOCK_STREAM);
  IOLoop real(LoopOptions{.make_current = false});
  Simulation simulation;
  IOLoop simulated(simulation.options({.make_current = false}));
  for (IOLoop* const loop : {&real, &simulated}) {
    try {
      loop->add_handler(
          socket.get(), [](NativeFd, Events) {}, Events::read);
      ADD_FAILURE();
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::invalid_argument);
    }
  }
}

TEST_F(SimulatedNetworks, name_their_sockets_in_a_deadlock) {
  const auto text = net->play(outcome_of([]() -> Task<void> { co_return; }()));
  EXPECT_EQ(text, "");
  try {
    net->play([]() -> Task<void> {
      Ends ends = co_await connect();
      (void)co_await ends.client->read_bytes(1);
    });
    ADD_FAILURE();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::resource_deadlock_would_occur);
    const std::string what = error.what();
    EXPECT_NE(what.find("10.0.0.1:49152 > 10.0.0.2:80"), what.npos) << what;
  }
}

TEST_F(SimulatedNetworks, leave_other_sockets_to_the_system) {
  FdPair pair = make_socket_pair();
  const UniqueFd datagrams = make_socket(AF_INET, SOCK_DGRAM);
  EXPECT_EQ(net->network.sockets(), 0u);
  net->play([&]() -> Task<void> {
    IOStream first(std::move(pair.first));
    IOStream second(std::move(pair.second));
    first.write("real");
    EXPECT_EQ(co_await second.read_bytes(4), "real");
  });
  UniqueFd simulated = make_socket(AF_INET, SOCK_STREAM);
  EXPECT_EQ(net->network.sockets(), 1u);
  {
    const UniqueFd copy = duplicate(simulated.get());
    simulated.reset();
    EXPECT_EQ(net->network.sockets(), 1u);
  }
  EXPECT_EQ(net->network.sockets(), 0u);
}

TEST_F(SimulatedNetworks, let_any_thread_close_a_socket) {
  net->play([]() -> Task<void> {
    Ends ends = co_await connect();
    UniqueFd copy = duplicate(ends.client->fileno());
    ends.client.reset();
    std::thread([&copy] { copy.reset(); }).join();
    EXPECT_EQ(co_await ends.server->read_until_close(), "");
  });
}

TEST_F(SimulatedNetworks, give_the_system_its_sockets_back_at_their_end) {
  UniqueFd outlives = make_socket(AF_INET, SOCK_STREAM);
  net.reset();
  outlives.reset();
  const UniqueFd socket = make_socket(AF_INET, SOCK_STREAM);
  EXPECT_THROW((void)remote_address(socket.get()), std::system_error);
  EXPECT_EQ(local_address(socket.get()), SocketAddress("0.0.0.0", 0));
}

}  // namespace
}  // namespace tornado::test
