// SPDX-License-Identifier: Apache-2.0
// Servers, clients and resolvers together. The cases of Tornado's tcpserver_test.py,
// tcpclient_test.py and netutil_test.py have their own names.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stream_ends.h"
#include "support/log_capture.h"
#include "support/open_numbers.h"
#include "support/pollers.h"
#include "tornado/executor.h"
#include "tornado/multi.h"
#include "tornado/tcp_client.h"
#include "tornado/tcp_server.h"

namespace tornado::test {
namespace {

Task<void> echo_lines(IOStream stream, SocketAddress) {
  for (;;) co_await stream.write(co_await stream.read_until("\n"));
}

class WithServer : public testing::TestWithParam<PollerKind> {
 protected:
  template <class F>
  void play(F body) {
    run_on(loop, std::move(body));
  }
  /// A connection to the server's first address.
  Task<IOStream> connect(const TCPServer& server) {
    const SocketAddress to = server.addresses().front();
    TCPClient client;
    return client.connect(to.ip(), to.port());
  }

  IOLoop loop{LoopOptions{.poller = GetParam()}};
};

class TCPServerTest : public WithServer {};
INSTANTIATE_TEST_SUITE_P(, TCPServerTest, testing::ValuesIn(working_poller_kinds()),
                         name_of_poller);

TEST_P(TCPServerTest, test_handle_stream_coroutine_logging) {
  const LogCapture log;
  TCPServer server([](IOStream stream, SocketAddress) -> Task<void> {
    (void)co_await stream.read_bytes(5);
    stream.close();
    throw std::logic_error("1 / 0");
  });
  server.listen(0, {.address = "127.0.0.1"});
  play([&]() -> Task<void> {
    IOStream client = co_await connect(server);
    co_await client.write("hello");
    EXPECT_EQ(co_await client.read_until_close(), "");
    co_await server.drain();
  });
  EXPECT_TRUE(log.contains("1 / 0", LogLevel::error));
}

TEST_P(TCPServerTest, test_handle_stream_native_coroutine) {
  TCPServer server([](IOStream stream, SocketAddress) -> Task<void> {
    stream.write("data");
    stream.close();
    co_return;
  });
  server.listen(0, {.address = "127.0.0.1"});
  play([&]() -> Task<void> {
    IOStream client = co_await connect(server);
    EXPECT_EQ(co_await client.read_until_close(), "data");
  });
}

TEST_P(TCPServerTest, answers_clients_of_loops_on_other_threads) {
  TCPServer server(echo_lines);
  server.listen(0, {.address = "127.0.0.1"});
  const std::uint16_t port = server.addresses().front().port();
  const auto talk = [port]() -> Task<void> {
    IOStream stream = co_await TCPClient().connect("127.0.0.1", port);
    for (int i = 0; i < 100; ++i) {
      co_await stream.write("line\n");
      EXPECT_EQ(co_await stream.read_until("\n"), "line\n");
    }
  };
  const auto be_a_client = [&talk] {
    IOLoop own(LoopOptions{.poller = GetParam()});
    run_on(own, talk);
  };
  play([&]() -> Task<void> {
    std::vector<Task<void>> clients;
    for (int i = 0; i < 4; ++i) clients.push_back(run_in_executor(be_a_client));
    co_await multi(std::move(clients));
    co_await server.drain();
  });
}

TEST_P(TCPServerTest, test_stop_twice) {
  TCPServer server(echo_lines);
  server.listen(0, {.address = "127.0.0.1"});
  server.stop();
  server.stop();
  EXPECT_TRUE(server.addresses().empty());
}

TEST_P(TCPServerTest, test_stop_in_callback) {
  const LogCapture log;
  std::optional<TCPServer> server;
  server.emplace([&server](IOStream stream, SocketAddress) -> Task<void> {
    server->stop();
    (void)co_await stream.read_until_close();
  });
  server->listen(0, {.address = "127.0.0.1"});
  play([&]() -> Task<void> {
    const SocketAddress to = server->addresses().front();
    std::vector<Task<std::string>> clients;
    for (int i = 0; i < 40; ++i) {
      clients.push_back([](SocketAddress address) -> Task<std::string> {
        co_return co_await outcome_of([address]() -> Task<void> {
          TCPClient client;
          const IOStream stream = co_await client.connect(address.ip(), address.port());
        });
      }(to));
    }
    co_await multi(std::move(clients));
  });
  EXPECT_EQ(log.count(LogLevel::error), 0u);
}

TEST_P(TCPServerTest, closes_no_number_that_its_loop_has_closed) {
  TCPServer server(echo_lines);
  server.listen(0, {.address = "127.0.0.1"});
  loop.close(true);
  const NumbersTaken again;
  server.stop();
  EXPECT_TRUE(again.are_open());
}

TEST_P(TCPServerTest, serves_again_after_stop) {
  TCPServer server(echo_lines);
  for (int i = 0; i < 2; ++i) {
    server.listen(0, {.address = "127.0.0.1"});
    play([&]() -> Task<void> {
      IOStream client = co_await connect(server);
      co_await client.write("line\n");
      EXPECT_EQ(co_await client.read_until("\n"), "line\n");
    });
    server.stop();
  }
}

TEST_P(TCPServerTest, drains_the_connections_that_it_has) {
  TCPServer server(echo_lines);
  server.listen(0, {.address = "127.0.0.1"});
  play([&]() -> Task<void> {
    IOStream client = co_await connect(server);
    co_await client.write("1\n");
    EXPECT_EQ(co_await client.read_until("\n"), "1\n");
    TaskGroup draining(loop);
    draining.start(server.drain());
    co_await moment();
    co_await client.write("2\n");
    EXPECT_EQ(co_await client.read_until("\n"), "2\n");
    EXPECT_EQ(server.connections(), 1u);
    client.close();
    co_await draining.join();
    EXPECT_EQ(server.connections(), 0u);
  });
}

TEST_P(TCPServerTest, counts_a_connection_until_what_it_wrote_is_sent) {
  for (const bool fails : {false, true}) {
    std::size_t written = 0;
    TCPServer server([&written, fails](IOStream stream, SocketAddress) -> Task<void> {
      written = fill(stream);
      if (fails) throw StreamClosedError();
      co_return;
    });
    server.listen(0, {.address = "127.0.0.1"});
    play([&]() -> Task<void> {
      IOStream client = co_await connect(server);
      EXPECT_EQ(co_await client.read_bytes(1), "x");
      TaskGroup draining(loop);
      draining.start(server.drain());
      co_await moment();
      EXPECT_EQ(server.connections(), 1u);
      EXPECT_EQ((co_await client.read_until_close()).size(), written - 1);
      client.close();
      co_await draining.join();
    });
  }
}

TEST_P(TCPServerTest, serves_the_clients_that_wait_when_it_drains) {
  TCPServer server([](IOStream stream, SocketAddress) -> Task<void> {
    stream.write("served");
    co_await stream.finish();
  });
  auto listeners = bind_sockets(0, {.address = "127.0.0.1"});
  play([&]() -> Task<void> {
    const SocketAddress to = local_address(listeners.front().get());
    TCPClient tcp;
    IOStream client = co_await tcp.connect(to.ip(), to.port());
    server.add_sockets(std::move(listeners));
    TaskGroup draining(loop);
    draining.start(server.drain());
    EXPECT_EQ(co_await client.read_until_close(), "served");
    client.close();
    co_await draining.join();
  });
}

TEST_P(TCPServerTest, lets_clients_wait_beyond_its_limit) {
  const LogCapture log;
  TCPServer server(echo_lines, {}, {.connections = 2});
  server.listen(0, {.address = "127.0.0.1"});
  play([&]() -> Task<void> {
    std::vector<IOStream> clients;
    for (int i = 0; i < 3; ++i) {
      clients.push_back(co_await connect(server));
      clients.back().write("line\n");
    }
    EXPECT_EQ(co_await clients[0].read_until("\n"), "line\n");
    EXPECT_EQ(co_await clients[1].read_until("\n"), "line\n");
    for (int i = 0; i < 20; ++i) co_await moment();
    EXPECT_EQ(server.connections(), 2u);
    clients[0].close();
    EXPECT_EQ(co_await clients[2].read_until("\n"), "line\n");
    EXPECT_EQ(server.connections(), 2u);
  });
  loop.close();  // while the limit holds
  EXPECT_EQ(log.count(LogLevel::error), 0u);
}

TEST(TCPServerLimits, of_no_connection_are_refused) {
  EXPECT_THROW(TCPServer(echo_lines, {}, {.connections = 0}), std::system_error);
}

TEST_P(TCPServerTest, ends_its_connections_when_it_is_destroyed) {
  std::optional<TCPServer> server(std::in_place, echo_lines);
  server->listen(0, {.address = "127.0.0.1"});
  play([&]() -> Task<void> {
    IOStream client = co_await connect(*server);
    co_await client.write("1\n");
    EXPECT_EQ(co_await client.read_until("\n"), "1\n");
    server.reset();
    EXPECT_EQ(co_await client.read_until_close(), "");
  });
}

TEST_P(TCPServerTest, may_be_destroyed_by_one_of_its_connections) {
  std::optional<TCPServer> server;
  server.emplace([&server](IOStream stream, SocketAddress) -> Task<void> {
    (void)co_await stream.read_bytes(1);
    server.reset();
    EXPECT_THROW(co_await moment(), Cancelled);
  });
  server->listen(0, {.address = "127.0.0.1"});
  play([&]() -> Task<void> {
    IOStream client = co_await connect(*server);
    co_await client.write("x");
    EXPECT_EQ(co_await client.read_until_close(), "");
  });
  EXPECT_FALSE(server);
}

TEST_P(TCPServerTest, leaves_no_descriptor_behind) {
  const std::set<NativeFd> before = open_numbers();
  {
    IOLoop own(LoopOptions{.poller = GetParam()});
    own.make_current();
    TCPServer server(echo_lines);
    server.listen(0, {.address = "127.0.0.1"});
    const auto talk = [](SocketAddress to) -> Task<void> {
      TCPClient tcp;
      IOStream client = co_await tcp.connect(to.ip(), to.port());
      co_await client.write("1\n");
      EXPECT_EQ(co_await client.read_until("\n"), "1\n");
    };
    own.run_sync(talk(server.addresses().front()), patience);
  }
  loop.make_current();
  EXPECT_EQ(open_numbers(), before);
}

// Of Tornado's concurrent_test.py.
class GeneratorCapClientTest : public WithServer {
 protected:
  Task<std::string> ask(std::string text) {
    TCPServer server(capitalize);
    server.listen(0, {.address = "127.0.0.1"});
    IOStream client = co_await connect(server);
    co_await client.write(text + "\n");
    const std::string answer = co_await client.read_until("\n");
    if (answer == text + "\n") throw std::logic_error("already capitalized");
    co_return answer;
  }

 private:
  static Task<void> capitalize(IOStream stream, SocketAddress) {
    std::string text = co_await stream.read_until("\n");
    for (char& c : text)
      c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    co_await stream.write(text);
  }
};
INSTANTIATE_TEST_SUITE_P(, GeneratorCapClientTest,
                         testing::ValuesIn(working_poller_kinds()), name_of_poller);

TEST_P(GeneratorCapClientTest, test_generator) {
  EXPECT_EQ(loop.run_sync(ask("hello"), patience), "HELLO\n");
}

TEST_P(GeneratorCapClientTest, test_generator_error) {
  EXPECT_THROW((void)loop.run_sync(ask("HELLO"), patience), std::logic_error);
}

class TCPClientTest : public WithServer {};
INSTANTIATE_TEST_SUITE_P(, TCPClientTest, testing::ValuesIn(working_poller_kinds()),
                         name_of_poller);

TEST_P(TCPClientTest, test_connect_ipv4_ipv4) {
  TCPServer server(echo_lines);
  server.listen(0, {.address = "127.0.0.1"});
  play([&]() -> Task<void> {
    TCPClient tcp;
    IOStream client =
        co_await tcp.connect("127.0.0.1", server.addresses().front().port());
    co_await client.write("hello\n");
    EXPECT_EQ(co_await client.read_until("\n"), "hello\n");
  });
}

TEST_P(TCPClientTest, test_connect_unspec_dual) {
  TCPServer server(echo_lines);
  server.listen(0, {.address = "localhost"});
  play([&]() -> Task<void> {
    TCPClient tcp;
    IOStream client =
        co_await tcp.connect("localhost", server.addresses().front().port());
    co_await client.write("hello\n");
    EXPECT_EQ(co_await client.read_until("\n"), "hello\n");
  });
}

SocketAddress address_without_listener() {
  const auto sockets = bind_sockets(0, {.address = "127.0.0.1"});
  return local_address(sockets.front().get());
}

TEST_P(TCPClientTest, test_refused_ipv4) {
  const SocketAddress nobody = address_without_listener();
  play([&]() -> Task<void> {
    std::error_code code;
    std::size_t attempts = 0;
    try {
      TCPClient tcp;
      (void)co_await tcp.connect("127.0.0.1", nobody.port());
    } catch (const ConnectError& error) {
      code = error.code();
      attempts = error.attempts().size();
    }
    EXPECT_EQ(code, std::errc::connection_refused);
    EXPECT_EQ(attempts, 1u);
  });
}

TEST_P(TCPClientTest, test_source_ip_fail) {
  TCPServer server(echo_lines);
  server.listen(0, {.address = "127.0.0.1"});
  const auto port = server.addresses().front().port();
  play([&]() -> Task<void> {
    const ConnectOptions options = {.source = SocketAddress("8.8.8.8", 0)};
    std::error_code code;
    try {
      TCPClient tcp;
      (void)co_await tcp.connect("127.0.0.1", port, options);
    } catch (const ConnectError& error) {
      code = error.code();
    }
    EXPECT_EQ(code, std::errc::address_not_available);
  });
}

TEST_P(TCPClientTest, test_source_ip_success) {
  TCPServer server(echo_lines);
  server.listen(0, {.address = "127.0.0.1"});
  const auto port = server.addresses().front().port();
  play([&]() -> Task<void> {
    const ConnectOptions options = {.source = SocketAddress("127.0.0.5", 0)};
    TCPClient tcp;
    const IOStream client = co_await tcp.connect("127.0.0.1", port, options);
    EXPECT_EQ(local_address(client.fileno()).ip(), "127.0.0.5");
  });
}

/// Answers when it is told to, or never.
class ScriptedResolver final : public Resolver {
 public:
  Task<Addresses> resolve(std::string, std::uint16_t, AddressFamily) override {
    if (hangs) co_await sleep(1h);
    co_return answer;
  }
  bool hangs = false;
  Addresses answer;
};

TEST_P(TCPClientTest, test_connect_timeout) {
  ScriptedResolver resolver;
  resolver.hangs = true;
  play([&]() -> Task<void> {
    std::error_code code;
    try {
      TCPClient tcp(resolver);
      (void)co_await tcp.connect("1.2.3.4", 12345, {.timeout = 5ms});
    } catch (const std::system_error& error) {
      code = error.code();
    }
    EXPECT_EQ(code, Errc::timed_out);
  });
}

TEST_P(TCPClientTest, tries_the_next_address_at_once_after_a_failure) {
  TCPServer server(echo_lines);
  server.listen(0, {.address = "127.0.0.1"});
  ScriptedResolver resolver;
  resolver.answer = {address_without_listener(), address_without_listener(),
                     server.addresses().front()};
  play([&]() -> Task<void> {
    TCPClient tcp(resolver);
    // An hour: only the failures let the next attempts begin.
    const IOStream client = co_await tcp.connect("name", 1, {.attempt_delay = 1h});
    EXPECT_EQ(remote_address(client.fileno()), server.addresses().front());
  });
}

TEST_P(TCPClientTest, keeps_the_error_of_each_address) {
  ScriptedResolver resolver;
  resolver.answer = {address_without_listener(), address_without_listener()};
  play([&]() -> Task<void> {
    std::vector<ConnectError::Attempt> attempts;
    try {
      TCPClient tcp(resolver);
      (void)co_await tcp.connect("name", 1);
    } catch (const ConnectError& error) {
      attempts = error.attempts();
    }
    EXPECT_EQ(attempts.size(), 2u);
  });
}

TEST_P(TCPClientTest, says_that_a_resolver_found_no_address) {
  ScriptedResolver resolver;
  play([&]() -> Task<void> {
    std::error_code code;
    try {
      TCPClient tcp(resolver);
      (void)co_await tcp.connect("name", 1);
    } catch (const ConnectError& error) {
      code = error.code();
    }
    EXPECT_EQ(code, std::errc::address_not_available);
  });
}

TEST(ThreadedResolverTest, test_localhost) {
  IOLoop loop;
  ThreadedResolver resolver;
  const auto all = loop.run_sync(resolver.resolve("localhost", 80));
  EXPECT_NE(std::ranges::find(all, SocketAddress("127.0.0.1", 80)), all.end());
}

TEST_P(TCPClientTest, refuses_to_be_its_own_peer) {
  for (const char* const host : {"127.0.0.1", "0.0.0.0"}) {
    std::uint16_t port = 0;
    {
      TCPServer server([](IOStream, SocketAddress) -> Task<void> { co_return; });
      server.listen(0, {.address = "127.0.0.1"});
      port = server.addresses().front().port();
    }
    TCPClient client;
    const ConnectOptions options = {.source = SocketAddress("127.0.0.1", port)};
    EXPECT_THROW((void)loop.run_sync(client.connect(host, port, options), patience),
                 std::system_error)
        << host;
  }
}

TEST(ThreadedResolvers, refuse_a_zero_byte_in_a_name) {
  using namespace std::string_literals;
  IOLoop loop;
  ThreadedResolver resolver;
  for (const std::string& host : {"localhost\0.evil.example"s, "127.0.0.1\0.evil"s}) {
    EXPECT_THROW((void)loop.run_sync(resolver.resolve(host, 80)), std::system_error);
    EXPECT_THROW((void)bind_sockets(0, {.address = host}), std::system_error);
  }
}

TEST(ThreadedResolverErrorTest, test_bad_host) {
  IOLoop loop;
  ThreadedResolver resolver;
  EXPECT_THROW((void)loop.run_sync(resolver.resolve("an invalid domain", 80)),
               std::system_error);
}

TEST(ThreadedResolvers, drop_what_waits_when_they_are_destroyed) {
  IOLoop loop;
  std::error_code code;
  const auto ask = [](std::error_code& seen) -> Task<void> {
    auto resolver = std::make_unique<ThreadedResolver>(1, 0);
    try {
      (void)co_await resolver->resolve("an invalid domain", 80);
    } catch (const std::system_error& error) {
      seen = error.code();
    }
  };
  loop.run_sync(ask(code));
  EXPECT_EQ(code, std::errc::resource_unavailable_try_again);
}

TEST(OverrideResolverTest, test_resolve_multiaddr) {
  IOLoop loop;
  ThreadedResolver inner;
  OverrideResolver resolver(inner);
  resolver.add("google.com", {"1.2.3.4"}, 80, AddressFamily::ipv4);
  resolver.add("google.com", {"2a02:6b8:7c:40c:c51e:495f:e23a:3", 8080}, 80,
               AddressFamily::ipv6);
  EXPECT_EQ(loop.run_sync(resolver.resolve("google.com", 80, AddressFamily::ipv4)),
            Resolver::Addresses{SocketAddress("1.2.3.4", 80)});
  EXPECT_EQ(
      loop.run_sync(resolver.resolve("google.com", 80, AddressFamily::ipv6)),
      Resolver::Addresses{SocketAddress("2a02:6b8:7c:40c:c51e:495f:e23a:3", 8080)});
}

}  // namespace
}  // namespace tornado::test
