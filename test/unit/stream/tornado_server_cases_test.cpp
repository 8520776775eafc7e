// SPDX-License-Identifier: Apache-2.0
// Cases of Tornado's iostream_test.py and tcpclient_test.py that need a server.
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/sockets.h"
#include "stream/write_queue.h"
#include "stream_ends.h"
#include "support/pollers.h"
#include "support/scale.h"
#include "tornado/stream_regex.h"
#include "tornado/tcp_client.h"
#include "tornado/tcp_server.h"

namespace tornado::test {
namespace {

/// A server, and a client that is not connected yet.
class WithPeer : public testing::TestWithParam<PollerKind> {
 protected:
  using Handler = TCPServer::Handler;

  template <class F>
  void play(F body) {
    run_on(loop, std::move(body));
  }
  void serve(Handler handler, const BindOptions& options = {.address = "127.0.0.1"}) {
    server.emplace(std::move(handler));
    server->listen(0, options);
  }
  [[nodiscard]] SocketAddress address() const { return server->addresses().front(); }
  Task<IOStream> connect(std::string host, ConnectOptions options = {}) {
    return TCPClient().connect(std::move(host), address().port(), options);
  }

  IOLoop loop{LoopOptions{.poller = GetParam()}};
  std::optional<TCPServer> server;
};

Task<void> answer_hello(IOStream stream, SocketAddress) {
  (void)co_await stream.read_until("\r\n\r\n");
  co_await stream.write("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nHello");
  co_await stream.finish();
}

class TestIOStreamWeb : public WithPeer {
 protected:
  TestIOStreamWeb() { serve(answer_hello); }

  IOStream stream{make_socket(AF_INET, SOCK_STREAM), loop};
  static constexpr std::string_view question = "GET / HTTP/1.0\r\n\r\n";
};
INSTANTIATE_TEST_SUITE_P(, TestIOStreamWeb, testing::ValuesIn(working_poller_kinds()),
                         name_of_poller);

TEST_P(TestIOStreamWeb, test_connection_closed) {
  play([this]() -> Task<void> {
    co_await stream.connect(address());
    co_await stream.write(question);
    const std::string all = co_await stream.read_until_close();
    EXPECT_TRUE(all.starts_with("HTTP/1.0 200"));
    EXPECT_TRUE(all.ends_with("Hello"));
  });
}

TEST_P(TestIOStreamWeb, test_read_until_close) {
  play([this]() -> Task<void> {
    co_await stream.connect(address());
    co_await stream.write(question);
    (void)co_await stream.read_until("\r\n\r\n");
    EXPECT_EQ(co_await stream.read_until_close(), "Hello");
  });
}

TEST_P(TestIOStreamWeb, test_read_zero_bytes) {
  play([this]() -> Task<void> {
    co_await stream.connect(address());
    co_await stream.write(question);
    EXPECT_EQ(co_await stream.read_bytes(9), "HTTP/1.0 ");
    EXPECT_EQ(co_await stream.read_bytes(0), "");
    EXPECT_EQ(co_await stream.read_bytes(3), "200");
  });
}

TEST_P(TestIOStreamWeb, test_write_while_connecting) {
  play([this]() -> Task<void> {
    std::vector<std::string> order;
    const auto note = [&order](const char* what) {
      return [&order, what](Result<void> result) {
        EXPECT_TRUE(result);
        order.emplace_back(what);
      };
    };
    stream.connect(address()).call(note("connected"));
    stream.write(question);
    stream.flush().call(note("written"));
    while (order.size() < 2) co_await moment();
    EXPECT_EQ(order, (std::vector<std::string>{"connected", "written"}));
    EXPECT_TRUE((co_await stream.read_until_close()).ends_with("Hello"));
  });
}

TEST_P(TestIOStreamWeb, test_future_interface) {
  play([this]() -> Task<void> {
    co_await stream.connect(address());
    co_await stream.write(question);
    EXPECT_EQ(co_await stream.read_until("\r\n"), "HTTP/1.0 200 OK\r\n");
    const std::string head = co_await stream.read_until("\r\n\r\n");
    EXPECT_EQ(head, "Content-Length: 5\r\n\r\n");
    EXPECT_EQ(co_await stream.read_bytes(5), "Hello");
  });
}

class TestIOStreamMixin : public StreamEnds {};
INSTANTIATE_TEST_SUITE_P(, TestIOStreamMixin, TestIOStreamMixin::each_in_both_forms(),
                         TestIOStreamMixin::name);

TEST_P(TestIOStreamMixin, test_write_memoryview) {
  connect();
  play([this]() -> Task<void> {
    const std::string text = "hello";
    second->write(std::string_view(text));
    EXPECT_EQ(co_await in_form(first->read_bytes(4)), "hell");
  });
}

TEST_P(TestIOStreamMixin, test_read_until_max_bytes_inline) {
  connect();
  play([this]() -> Task<void> {
    second->write("123456");
    EXPECT_EQ(co_await in_form(first->read_bytes(1)), "1");
    EXPECT_EQ(co_await outcome_of(
                  [this] { return first->read_until("def", {.max_bytes = 5}); }),
              "closed: the read could not end within max_bytes");
    EXPECT_TRUE(first->closed());
  });
}

TEST_P(TestIOStreamMixin, test_read_until_regex_max_bytes_inline) {
  connect();
  const std::regex pattern("def");
  play([&pattern, this]() -> Task<void> {
    second->write("123456");
    EXPECT_EQ(co_await in_form(first->read_bytes(1)), "1");
    EXPECT_EQ(co_await outcome_of([&pattern, this] {
                return read_until_regex(*first, pattern, {.max_bytes = 4});
              }),
              "closed: the read could not end within max_bytes");
    EXPECT_TRUE(first->closed());
  });
}

class TCPClientCases : public WithPeer {
 protected:
  /// Whether "hello" passes. A machine without IPv6 has nothing to say of it.
  void expect_hello(const std::string& server_at, AddressFamily of_server,
                    const std::string& host, AddressFamily of_client) {
    try {
      serve(
          [](IOStream stream, SocketAddress) -> Task<void> {
            co_await stream.write(co_await stream.read_bytes(5));
          },
          {.address = server_at, .family = of_server});
    } catch (const std::system_error& error) {
      GTEST_SKIP() << error.what();
    }
    play([&]() -> Task<void> {
      IOStream client = co_await connect(host, {.family = of_client});
      co_await client.write("hello");
      EXPECT_EQ(co_await client.read_bytes(5), "hello");
    });
  }
};
INSTANTIATE_TEST_SUITE_P(, TCPClientCases, testing::ValuesIn(working_poller_kinds()),
                         name_of_poller);

TEST_P(TCPClientCases, test_connect_ipv6_ipv6) {
  expect_hello("::1", AddressFamily::ipv6, "::1", AddressFamily::ipv6);
}
TEST_P(TCPClientCases, test_connect_unspec_ipv4) {
  expect_hello("127.0.0.1", AddressFamily::any, "127.0.0.1", AddressFamily::any);
}
TEST_P(TCPClientCases, test_connect_unspec_ipv6) {
  expect_hello("::1", AddressFamily::any, "::1", AddressFamily::any);
}
TEST_P(TCPClientCases, test_connect_ipv4_dual) {
  expect_hello("127.0.0.1", AddressFamily::any, "localhost", AddressFamily::ipv4);
}
TEST_P(TCPClientCases, test_connect_ipv6_dual) {
  expect_hello("::1", AddressFamily::any, "localhost", AddressFamily::ipv6);
}

TEST_P(TCPClientCases, test_source_port_fail) {
  serve(answer_hello);
  play([this]() -> Task<void> {
    std::error_code code;
    try {
      (void)co_await connect("127.0.0.1", {.source = address()});  // is taken
    } catch (const ConnectError& error) {
      code = error.code();
    }
    EXPECT_EQ(code, std::errc::address_in_use);
  });
}

TEST_P(TCPClientCases, test_gaierror) {
  serve(answer_hello);
  play([this]() -> Task<void> {
    std::string told;
    try {
      (void)co_await connect("an invalid domain");
    } catch (const std::system_error& error) {
      told = error.what();
    }
    EXPECT_NE(told.find("an invalid domain"), std::string::npos) << told;
  });
}

/// Random appends and removals beside a string.
class TestStreamBuffer : public testing::Test {
 protected:
  void play(std::size_t most_at_once) {
    Random random(test_seed());
    WriteQueue queue;
    std::string model;
    const auto rounds = scaled(2000);
    for (std::uint64_t i = 0; i < rounds; ++i) {
      if (random.one_in(2)) {
        std::string text(random.below(most_at_once), '\0');
        for (char& c : text) c = static_cast<char>(random.below(256));
        queue.append(std::as_bytes(std::span(text)));
        model += text;
      } else {
        const std::size_t count = random.below(model.size() + 1);
        queue.consume(count);
        model.erase(0, count);
      }
      ASSERT_EQ(queue.size(), model.size());
      expect_prefix(queue, model);
    }
  }

 private:
  static void expect_prefix(const WriteQueue& queue, std::string_view model) {
    std::array<Bytes, most_pieces> pieces;
    std::string first;
    const std::size_t count = queue.pieces(pieces);
    for (const Bytes piece : std::span(pieces).first(count)) {
      EXPECT_FALSE(piece.empty());
      first.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    }
    EXPECT_EQ(first.empty(), model.empty());
    EXPECT_TRUE(model.starts_with(first));
  }
};

TEST_F(TestStreamBuffer, test_small) {
  play(1 << 10);
}

TEST_F(TestStreamBuffer, test_large) {
  play(200 << 10);
}

}  // namespace
}  // namespace tornado::test
