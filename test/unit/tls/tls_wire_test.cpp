// SPDX-License-Identifier: Apache-2.0
// What stands on the wire between two ends: cuts, floods, plain text before TLS.
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <string>

#include "platform/tcp_pair.h"
#include "stream/stream_transport.h"
#include "support/pollers.h"
#include "support/sanitizers.h"
#include "support/scale.h"
#include "support/wait.h"
#include "tls_ends.h"
#include "tornado/gen.h"
#include "tornado/multi.h"
#include "tornado/task_group.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;

SSLContext servers(TLSVersion version) {
  return SSLContext::for_server(server_options(version));
}

SSLContext clients() {
  return SSLContext::for_client(client_options());
}

/// Two sockets with a wire between them that the test has in its hands.
class Wire {
 public:
  explicit Wire(IOLoop& loop) : Wire(loop, open_tcp_pair(), open_tcp_pair()) {}

  UniqueFd server;
  UniqueFd client;
  std::unique_ptr<IOStream> at_server;
  std::unique_ptr<IOStream> at_client;

 private:
  Wire(IOLoop& loop, FdPair left, FdPair right)
      : server(std::move(left.first)),
        client(std::move(right.first)),
        at_server(std::make_unique<IOStream>(std::move(left.second), loop,
                                             StreamOptions{.half_open = true})),
        at_client(std::make_unique<IOStream>(std::move(right.second), loop,
                                             StreamOptions{.half_open = true})) {}
};

/// Forwards pieces of at most `piece` bytes until `most` have passed, or to the end.
/// True at the end.
Task<bool> forward(IOStream& from, IOStream& to, std::size_t most,
                   std::size_t piece = 64 << 10, std::string* record = nullptr) {
  try {
    while (most > 0) {
      const std::string bytes = co_await from.read_some((std::min)(most, piece));
      most -= bytes.size();
      if (record) *record += bytes;
      to.write(bytes);
      co_await to.flush();
    }
    co_return false;
  } catch (const StreamClosedError&) {
    co_return true;
  }
}

Task<void> end_output(IOStream& stream) {
  try {
    co_await stream.shutdown_write();
  } catch (const StreamClosedError&) {
  }
}

Task<void> forward_all(IOStream& from, IOStream& to, std::size_t piece = 64 << 10,
                       std::string* record = nullptr) {
  const bool ended = co_await forward(from, to, ~std::size_t{0}, piece, record);
  if (ended) co_await end_output(to);
}

/// Its close() resets the connection.
void refuse_to_linger(const IOStream& stream) {
  const linger reset{1, 0};
  ::setsockopt(stream.fileno(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

enum class Cut { end, reset };

enum class WayToRead { close, until, until_view, match, bytes, some, into };
constexpr int ways_to_read = 7;

/// Up to a line of ten bytes, or the rest.
Task<std::string> read_by(WayToRead way, IOStream& stream) {
  switch (way) {
    case WayToRead::close:
      co_return co_await stream.read_until_close();
    case WayToRead::until:
      co_return co_await stream.read_until("\n");
    case WayToRead::until_view: {
      const std::string_view got = co_await stream.read_until_view("\n");
      co_return std::string(got);
    }
    case WayToRead::match:
      co_return co_await stream.read_until_match([](std::string_view there) {
        const std::size_t found = there.find('\n');
        return found == there.npos ? found : found + 1;
      });
    case WayToRead::bytes:
      co_return co_await stream.read_bytes(10);
    case WayToRead::some:
      co_return co_await stream.read_some();
    default: {
      std::string room(10, '\0');
      (void)co_await stream.read_into(room);
      co_return room;
    }
  }
}

class TLSCut : public testing::TestWithParam<std::tuple<TLSVersion, Cut>> {
 protected:
  struct Outcome {
    bool whole = false;  // the wire withheld nothing
    bool clean = false;  // the client took it for the end
    bool established = false;
    std::string got;
  };

  static std::string payload() {
    std::string lines;
    for (char letter = 'a'; letter < 'a' + 20; ++letter) {
      lines += std::string(9, letter) + "\n";
    }
    return lines;
  }

  Outcome play(std::size_t most, WayToRead way) {
    SCOPED_TRACE(testing::Message() << "cut after " << most << " bytes, read by "
                                    << static_cast<int>(way));
    ++cuts;
    Wire wire(loop);
    Outcome outcome;
    loop.run_sync(converse(wire, most, way, outcome), patience);
    EXPECT_TRUE(payload().starts_with(outcome.got));
    if (outcome.clean) {
      EXPECT_TRUE(outcome.whole);
      EXPECT_EQ(outcome.got, payload());
    }
    return outcome;
  }

  int cuts = 0;

 private:
  Task<void> converse(Wire& wire, std::size_t most, WayToRead way, Outcome& outcome) {
    TaskGroup ends(loop);
    ends.start(serve(SSLIOStream(std::move(wire.server), loop, of_server)));
    ends.start(forward_all(*wire.at_client, *wire.at_server));
    ends.start(cut_after(wire, most, outcome));
    ends.start(read(SSLIOStream(std::move(wire.client), loop, of_client, "localhost"),
                    way, outcome));
    co_await ends.join();
  }

  static Task<void> serve(SSLIOStream stream) {
    try {
      co_await stream.wait_for_handshake();
      co_await stream.write(payload().substr(0, 100));
      co_await stream.flush();
      co_await stream.write(payload().substr(100));
    } catch (const StreamClosedError&) {
    }
  }

  static Task<void> cut_after(Wire& wire, std::size_t most, Outcome& outcome) {
    std::string withheld;
    const bool ended = co_await forward(*wire.at_server, *wire.at_client, most);
    if (std::get<1>(GetParam()) == Cut::reset) refuse_to_linger(*wire.at_client);
    wire.at_client->close();
    if (!ended) {
      co_await end_output(*wire.at_server);
      IOStream nowhere(open_tcp_pair().first, *IOLoop::current());
      co_await forward(*wire.at_server, nowhere, ~std::size_t{0}, 4096, &withheld);
    }
    outcome.whole = withheld.empty();
  }

  static Task<void> read(SSLIOStream stream, WayToRead way, Outcome& outcome) {
    try {
      bool more = true;
      while (more) {
        outcome.got += co_await read_by(way, stream);
        more = way != WayToRead::close;
      }
      outcome.clean = true;
    } catch (const StreamClosedError& error) {
      outcome.clean = !error.real_error();
      EXPECT_EQ(stream.error(), error.real_error());
    }
    outcome.established = stream.version() != "";
  }

  IOLoop loop;
  SSLContext of_server = servers(std::get<0>(GetParam()));
  SSLContext of_client = clients();
};
INSTANTIATE_TEST_SUITE_P(
    , TLSCut,
    testing::Combine(testing::Values(TLSVersion::tls1_2, TLSVersion::tls1_3),
                     testing::Values(Cut::end, Cut::reset)),
    [](const testing::TestParamInfo<std::tuple<TLSVersion, Cut>>& test) {
      const bool old = std::get<0>(test.param) == TLSVersion::tls1_2;
      const bool end = std::get<1>(test.param) == Cut::end;
      return std::string(old ? "tls1_2" : "tls1_3") + (end ? "_end" : "_reset");
    });

TEST_P(TLSCut, is_never_taken_for_the_end) {
  const std::size_t step =
      under_address_sanitizer() || under_thread_sanitizer() ? 9 : 1;
  // Within the handshake the ways take turns: what they read begins after it.
  const bool all_ways = scaled(2) > 2;
  int whole = 0;
  // The length differs by a few bytes, as signatures do.
  for (std::size_t most = 0; whole < 10; most += step) {
    const Outcome outcome = play(most, static_cast<WayToRead>(most % ways_to_read));
    if (outcome.whole) ++whole;
    for (int i = 1; (outcome.established || all_ways) && i < ways_to_read; ++i) {
      play(most,
           static_cast<WayToRead>((most + static_cast<std::size_t>(i)) % ways_to_read));
    }
    ASSERT_LT(most, 10000u);
    if (HasFailure()) return;
  }
  RecordProperty("cuts", cuts);
}

/// Two ends, and what they say.
class TLSWire : public testing::TestWithParam<TLSVersion> {
 protected:
  template <class F>
  void play(F body) {
    constexpr auto run = [](F function) -> Task<void> { co_await function(); };
    loop.run_sync(run(std::move(body)), patience);
  }
  void connect(const SSLOptions& of_client = client_options()) {
    FdPair ends = open_tcp_pair();
    server.emplace(std::move(ends.first), loop, servers(GetParam()));
    client.emplace(std::move(ends.second), loop, SSLContext::for_client(of_client),
                   "localhost");
    play([this]() -> Task<void> {
      client->write("c");
      server->write("s");
      EXPECT_EQ(co_await server->read_bytes(1), "c");
      EXPECT_EQ(co_await client->read_bytes(1), "s");
    });
  }
  /// What reading to the end comes to.
  static Task<std::error_code> end_of(SSLIOStream& stream) {
    try {
      (void)co_await stream.read_until_close();
    } catch (const StreamClosedError& error) {
      co_return error.real_error();
    }
    co_return std::error_code();
  }

  IOLoop loop;
  std::optional<SSLIOStream> server;
  std::optional<SSLIOStream> client;
};
INSTANTIATE_TEST_SUITE_P(, TLSWire,
                         testing::Values(TLSVersion::tls1_2, TLSVersion::tls1_3),
                         [](const testing::TestParamInfo<TLSVersion>& test) {
                           return test.param == TLSVersion::tls1_2 ? "tls1_2"
                                                                   : "tls1_3";
                         });

/// Over a kernel that takes a byte at a time.
class TricklingStream final : public IOStream {
 public:
  TricklingStream(UniqueFd socket, IOLoop& loop)
      : IOStream(std::move(socket), loop, {}, std::make_shared<Trickle>()) {}

 private:
  struct Trickle final : StreamTransport {
    Moved read(NativeFd fd, std::span<std::byte> room) noexcept override {
      return socket_transport()->read(fd, room);
    }
    Moved write(NativeFd fd, std::span<const Bytes> pieces) noexcept override {
      const Bytes first = pieces.front().first(1);
      return socket_transport()->write(fd, std::span(&first, 1));
    }
  };
};

TEST_P(TLSWire, sends_its_close_notify_whole_when_its_input_has_ended) {
  FdPair ends = open_tcp_pair();
  server.emplace(TricklingStream(std::move(ends.first), loop), servers(GetParam()));
  client.emplace(std::move(ends.second), loop, clients(), "localhost");
  play([this]() -> Task<void> {
    TaskGroup ending(loop);
    ending.start(client->shutdown_write());
    EXPECT_EQ(co_await end_of(*server), std::error_code());
    EXPECT_EQ(co_await end_of(*client), std::error_code());
    co_await ending.join();
  });
}

TEST_P(TLSWire, tells_a_flush_of_what_was_not_sent) {
  FdPair ends = open_tcp_pair();
  server.emplace(std::move(ends.first), loop, servers(GetParam()));
  client.emplace(TricklingStream(std::move(ends.second), loop), clients(), "localhost");
  play([this]() -> Task<void> {
    client->write("c");
    EXPECT_EQ(co_await server->read_bytes(1), "c");
    client->write("lost");
    for (int i = 0; i < 3; ++i) co_await moment();
    EXPECT_TRUE(client->writing());
    server->abort();
    bool failed = false;
    try {
      co_await client->flush();
    } catch (const StreamClosedError&) {
      failed = true;
    }
    EXPECT_TRUE(failed);
  });
}

TEST_P(TLSWire, tells_a_missing_close_notify_from_an_end) {
  connect();
  play([this]() -> Task<void> {
    server->write("all");
    co_await server->flush();
    ::shutdown(server->fileno(), SHUT_WR);
    EXPECT_EQ(co_await end_of(*client), TLSErrc::truncated);
    EXPECT_EQ(co_await client->read_bytes(3), "all");
  });
}

TEST_P(TLSWire, tells_a_fatal_alert_from_an_end) {
  connect();
  play([this]() -> Task<void> {
    const std::string forged = "\x17\x03\x03" + std::string(1, '\0') + " " +
                               std::string(32, 'x');  // a record that nobody sealed
    EXPECT_EQ(::send(server->fileno(), forged.data(), forged.size(), 0),
              static_cast<ssize_t>(forged.size()));
    EXPECT_TRUE(co_await end_of(*client));
    const std::error_code alert = co_await end_of(*server);
    EXPECT_EQ(alert.message(), "sslv3 alert bad record mac");
  });
}

TEST_P(TLSWire, takes_a_missing_close_notify_for_the_end_where_that_is_asked_for) {
  SSLOptions options = client_options();
  options.ignore_missing_close_notify = true;
  connect(options);
  play([this]() -> Task<void> {
    server->write("all");
    co_await server->flush();
    ::shutdown(server->fileno(), SHUT_WR);
    EXPECT_EQ(co_await client->read_until_close(), "all");
  });
}

TEST_P(TLSWire, sends_no_close_notify_when_it_drops_data) {
  connect();
  play([this]() -> Task<void> {
    server->write(std::string(20 << 20, 'x'));  // more than the kernel takes
    server->close(std::make_error_code(std::errc::timed_out));
    EXPECT_TRUE(co_await end_of(*client));
  });
}

TEST_P(TLSWire, reads_what_has_arrived_after_a_write_failed) {
  connect();
  play([this]() -> Task<void> {
    const std::string answer(20000, 'x');
    server->write(answer);
    co_await server->flush();
    const linger reset{1, 0};
    ::setsockopt(server->fileno(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    server->close();  // after a close_notify
    // A write fails once the reset has come.
    while (!client->closed()) {
      client->write(std::string(8192, 'y'));
      co_await moment();
    }
    EXPECT_TRUE(client->error());
    EXPECT_EQ(co_await client->read_bytes(answer.size()), answer);
  });
}

TEST_P(TLSWire, sends_no_close_notify_when_it_aborts) {
  connect();
  play([this]() -> Task<void> {
    server->abort();
    EXPECT_EQ(co_await end_of(*client), std::errc::connection_reset);
  });
}

TEST_P(TLSWire, hears_a_client_to_the_end_that_only_writes) {
  connect();
  play([this]() -> Task<void> {
    client->write(std::string(4 << 20, 'x'));
    TaskGroup finishing(loop);
    finishing.start(client->finish());
    EXPECT_EQ((co_await server->read_until_close()).size(), std::size_t{4} << 20);
    co_await finishing.join();
  });
}

TEST_P(TLSWire, reads_what_is_not_for_a_reader_when_nobody_reads) {
  FdPair ends = open_tcp_pair();
  SSLIOStream first(std::move(ends.first), loop, servers(GetParam()));
  SSLIOStream second(std::move(ends.second), loop, clients(), "localhost");
  play([&]() -> Task<void> {
    constexpr auto shake = [](SSLIOStream& stream) -> Task<void> {
      co_await stream.wait_for_handshake();
    };
    co_await multi(shake(first), shake(second));
    co_await moment();
    for (int left = 1; left > 0; ::ioctl(second.fileno(), FIONREAD, &left)) {
      co_await moment();
    }
    // Without unread bytes in the kernel, close() resets nothing.
    second.write("all");
    second.close();
    EXPECT_EQ(co_await first.read_until_close(), "all");
  });
}

TEST_P(TLSWire, keeps_bytes_for_a_later_reader_when_nobody_reads) {
  connect();
  play([this]() -> Task<void> {
    server->write("first");
    co_await server->shutdown_write();
    for (int i = 0; i < 10; ++i) co_await moment();
    EXPECT_FALSE(client->closed());
    EXPECT_EQ(co_await client->read_until_close(), "first");
  });
}

TEST_P(TLSWire, carries_records_that_only_openssl_has) {
  connect();
  play([this]() -> Task<void> {
    // One record, of which the reader takes a byte at a time.
    server->write(std::string(10000, 'x'));
    co_await server->flush();
    for (int i = 0; i < 10000; ++i) EXPECT_EQ(co_await client->read_bytes(1), "x");
    // More than a turn reads, with its end in OpenSSL's buffer.
    TaskGroup writer(loop);
    writer.start([](SSLIOStream& to) -> Task<void> {
      co_await to.write(std::string(8 << 20, 'y'));
      co_await to.flush();
    }(*server));
    EXPECT_EQ((co_await client->read_bytes(8 << 20)).size(), std::size_t{8} << 20);
    co_await writer.join();
  });
}

TEST_P(TLSWire, refuses_to_negotiate_again) {
  if (GetParam() == TLSVersion::tls1_3) GTEST_SKIP() << "TLS 1.3 has no renegotiation";
  connect();
  auto* const ssl = static_cast<SSL*>(client->native_handle());
  SSL_clear_options(ssl, SSL_OP_NO_RENEGOTIATION);
  EXPECT_EQ(SSL_renegotiate(ssl), 1);
  SSL_do_handshake(ssl);
  play([this]() -> Task<void> {
    client->write("x");
    EXPECT_NE(co_await end_of(*client), std::error_code());
  });
}

void update_key(SSLIOStream& stream, int kind) {
  auto* const ssl = static_cast<SSL*>(stream.native_handle());
  ASSERT_EQ(SSL_key_update(ssl, kind), 1);
  ASSERT_EQ(SSL_do_handshake(ssl), 1);
}

TEST_P(TLSWire, goes_on_after_updates_of_the_key) {
  if (GetParam() == TLSVersion::tls1_2) GTEST_SKIP() << "TLS 1.2 updates no key";
  connect();
  play([this]() -> Task<void> {
    for (int i = 0; i < 40; ++i) {
      update_key(*client, SSL_KEY_UPDATE_REQUESTED);
      client->write("question");
      EXPECT_EQ(co_await server->read_bytes(8), "question");
      server->write("answer");
      EXPECT_EQ(co_await client->read_bytes(6), "answer");
    }
  });
}

TEST_P(TLSWire, closes_at_a_flood_of_updates_of_the_key) {
  if (GetParam() == TLSVersion::tls1_2) GTEST_SKIP() << "TLS 1.2 updates no key";
  connect();
  play([this]() -> Task<void> {
    for (int i = 0; i < 40; ++i) update_key(*client, SSL_KEY_UPDATE_NOT_REQUESTED);
    EXPECT_EQ(co_await end_of(*server), TLSErrc::too_many_messages);
  });
}

/// The bytes that hexadecimal digits tell.
std::string bytes_of(std::string_view digits) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < digits.size(); at += 2) {
    bytes +=
        static_cast<char>(std::stoi(std::string(digits.substr(at, 2)), nullptr, 16));
  }
  return bytes;
}

std::vector<std::string>& keys_of_test() {
  static std::vector<std::string> keys;
  return keys;
}

TEST_P(TLSWire, carries_no_key_and_no_plain_text) {
  keys_of_test().clear();
  Wire wire(loop);
  server.emplace(std::move(wire.server), loop, servers(GetParam()));
  client.emplace(std::move(wire.client), loop, clients(), "localhost");
  auto* const ssl = static_cast<SSL*>(client->native_handle());
  // "LABEL random key", in hexadecimal digits.
  SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(ssl), [](const SSL*, const char* line) {
    const std::string text(line);
    keys_of_test().push_back(text.substr(text.rfind(' ') + 1));
  });
  std::string record;
  play([&]() -> Task<void> {
    TaskGroup ends(loop);
    ends.start(forward_all(*wire.at_client, *wire.at_server, 100, &record));
    ends.start(forward_all(*wire.at_server, *wire.at_client, 100, &record));
    client->write("plain question\n");
    EXPECT_EQ(co_await server->read_until("\n"), "plain question\n");
    server->write("plain answer\n");
    ends.start(server->finish());
    EXPECT_EQ(co_await client->read_until_close(), "plain answer\n");
    client->close();
    co_await ends.join();
  });
  EXPECT_GT(record.size(), 500u);
  EXPECT_EQ(record.find("plain"), record.npos);
  EXPECT_FALSE(keys_of_test().empty());
  for (const std::string& key : keys_of_test()) {
    EXPECT_EQ(record.find(key), record.npos);
    EXPECT_EQ(record.find(bytes_of(key).substr(0, 16)), record.npos);
  }
}

/// A dialogue that begins in plain text, over a wire that cuts it into pieces.
class StartTLS : public testing::TestWithParam<std::tuple<TLSVersion, std::size_t>> {
 protected:
  template <class Client, class Server>
  void play(Client client, Server server) {
    Wire wire(loop);
    loop.run_sync(converse(wire, client(IOStream(std::move(wire.client), loop)),
                           server(IOStream(std::move(wire.server), loop))),
                  patience);
  }

  IOLoop loop;
  std::string sent;      // by the end at the wire's `client`
  std::string received;  // by it

 private:
  Task<void> converse(Wire& wire, Task<void> client, Task<void> server) {
    TaskGroup ends(loop);
    const std::size_t piece = std::get<1>(GetParam());
    ends.start(forward_all(*wire.at_client, *wire.at_server, piece, &sent));
    ends.start(forward_all(*wire.at_server, *wire.at_client, piece, &received));
    ends.start(std::move(client));
    ends.start(std::move(server));
    co_await ends.join();
  }
};
INSTANTIATE_TEST_SUITE_P(
    , StartTLS,
    testing::Combine(testing::Values(TLSVersion::tls1_2, TLSVersion::tls1_3),
                     testing::Values(std::size_t{1}, std::size_t{2}, std::size_t{7},
                                     std::size_t{100}, std::size_t{100000})),
    [](const testing::TestParamInfo<std::tuple<TLSVersion, std::size_t>>& test) {
      const bool old = std::get<0>(test.param) == TLSVersion::tls1_2;
      return (old ? "tls1_2_by_" : "tls1_3_by_") +
             std::to_string(std::get<1>(test.param));
    });

// Each side sends its last plain line and begins TLS at once: the first record is with
// that line in the peer's buffer.
Task<void> ask(IOStream plain, SSLContext context, std::string host) {
  plain.write("begin\n");
  SSLIOStream stream =
      co_await start_tls(std::move(plain), std::move(context), std::move(host));
  stream.write("secret question\n");
  EXPECT_EQ(co_await stream.read_until("\n"), "secret answer\n");
  co_await stream.finish();
}

Task<void> answer(IOStream plain, SSLContext context, std::string host) {
  EXPECT_EQ(co_await plain.read_until("\n"), "begin\n");
  SSLIOStream stream =
      co_await start_tls(std::move(plain), std::move(context), std::move(host));
  EXPECT_EQ(co_await stream.read_until("\n"), "secret question\n");
  stream.write("secret answer\n");
  co_await stream.finish();
}

TEST_P(StartTLS, takes_what_has_come_for_ciphertext) {
  const TLSVersion version = std::get<0>(GetParam());
  play([](IOStream plain) { return ask(std::move(plain), clients(), "localhost"); },
       [=](IOStream plain) { return answer(std::move(plain), servers(version), ""); });
  EXPECT_TRUE(sent.starts_with("begin\n"));
  EXPECT_EQ((sent + received).find("secret"), std::string::npos);
}

TEST_P(StartTLS, works_for_a_server_that_begins_it) {
  const TLSVersion version = std::get<0>(GetParam());
  play([=](IOStream plain) { return ask(std::move(plain), servers(version), ""); },
       [](IOStream plain) { return answer(std::move(plain), clients(), "localhost"); });
  EXPECT_EQ((sent + received).find("secret"), std::string::npos);
}

/// How start_tls() ends.
Task<std::error_code> error_of_tls(IOStream plain, SSLContext context,
                                   std::string host) {
  try {
    (void)co_await start_tls(std::move(plain), std::move(context), std::move(host));
  } catch (const StreamClosedError& closed) {
    co_return closed.real_error();
  }
  co_return std::error_code();
}

Task<void> inject(IOStream plain, SSLContext context) {
  plain.write("begin\nMAIL FROM: <attacker>\r\n");
  const auto error =
      co_await error_of_tls(std::move(plain), std::move(context), "localhost");
  EXPECT_TRUE(error);
}

Task<void> expect_refusal(IOStream plain, SSLContext context) {
  EXPECT_EQ(co_await plain.read_until("\n"), "begin\n");
  const auto error =
      co_await error_of_tls(std::move(plain), std::move(context), "localhost");
  EXPECT_EQ(error.category(), tls_category());
}

TEST_P(StartTLS, gives_no_reader_what_was_injected_before_it) {
  const TLSVersion version = std::get<0>(GetParam());
  play([](IOStream plain) { return inject(std::move(plain), clients()); },
       [=](IOStream plain) {
         return expect_refusal(std::move(plain), servers(version));
       });
}

TEST_P(StartTLS, gives_no_reader_what_a_server_has_injected) {
  const TLSVersion version = std::get<0>(GetParam());
  play([=](IOStream plain) { return expect_refusal(std::move(plain), clients()); },
       [=](IOStream plain) { return inject(std::move(plain), servers(version)); });
}

/// As StartTLS, over a wire that forwards so many bytes of each direction first, and
/// the rest when these were read.
class StartTLSSplit : public testing::TestWithParam<std::tuple<TLSVersion, bool>> {
 protected:
  /// False if there are no more bytes.
  bool play(std::size_t split) {
    SCOPED_TRACE(testing::Message() << "split after " << split << " bytes");
    Wire wire(loop);
    most_ = 0;
    loop.run_sync(converse(wire, split), patience);
    return most_ > split;
  }

 private:
  Task<void> converse(Wire& wire, std::size_t split) {
    const auto [version, server_begins] = GetParam();
    const SSLContext server = servers(version);
    const SSLContext client = clients();
    IOStream at_client(std::move(wire.client), loop);
    IOStream at_server(std::move(wire.server), loop);
    TaskGroup ends(loop);
    ends.start(pass(*wire.at_client, *wire.at_server, split));
    ends.start(pass(*wire.at_server, *wire.at_client, split));
    ends.start(ask(std::move(at_client), server_begins ? server : client, "localhost"));
    ends.start(
        answer(std::move(at_server), server_begins ? client : server, "localhost"));
    co_await ends.join();
  }

  Task<void> pass(IOStream& from, IOStream& to, std::size_t split) {
    std::string record;
    const bool ended = co_await forward(from, to, split, split, &record);
    for (int i = 0; i < 3; ++i) co_await moment();
    if (ended) {
      co_await end_output(to);
    } else {
      co_await forward_all(from, to, 64 << 10, &record);
    }
    most_ = (std::max)(most_, record.size());
  }

  IOLoop loop;
  std::size_t most_ = 0;  // of both directions
};
INSTANTIATE_TEST_SUITE_P(
    , StartTLSSplit,
    testing::Combine(testing::Values(TLSVersion::tls1_2, TLSVersion::tls1_3),
                     testing::Bool()),
    [](const testing::TestParamInfo<std::tuple<TLSVersion, bool>>& test) {
      const bool old = std::get<0>(test.param) == TLSVersion::tls1_2;
      return std::string(old ? "tls1_2" : "tls1_3") +
             (std::get<1>(test.param) ? "_of_a_server" : "_of_a_client");
    });

TEST_P(StartTLSSplit, loses_no_byte_wherever_the_bytes_are_split) {
  const std::size_t step =
      under_address_sanitizer() || under_thread_sanitizer() ? 9 : 1;
  std::size_t split = 0;
  while (play(split) && !HasFailure()) split += step;
  RecordProperty("splits", static_cast<int>(split));
  EXPECT_GT(split, 500u);
}

TEST_P(StartTLS, is_refused_while_a_task_reads) {
  FdPair ends = open_tcp_pair();
  IOStream stream(std::move(ends.first), loop);
  constexpr auto run = [](IOStream& plain) -> Task<void> {
    TaskGroup reader(*IOLoop::current());
    reader.start([](IOStream& from) -> Task<void> {
      try {
        (void)co_await from.read_bytes(1);
      } catch (const StreamClosedError&) {
      }
    }(plain));
    co_await moment();
    std::error_code error;
    try {
      SSLIOStream refused(std::move(plain), clients(), "localhost");
    } catch (const std::system_error& thrown) {
      error = thrown.code();
    }
    EXPECT_EQ(error, std::errc::operation_in_progress);
    co_await reader.join();
  };
  loop.run_sync(run(stream), patience);
}

}  // namespace
}  // namespace tornado::test
