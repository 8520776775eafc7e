// SPDX-License-Identifier: Apache-2.0
// What a connection verifies, agrees on and keeps.
#include "tornado/tls.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "platform/tcp_pair.h"
#include "support/pollers.h"
#include "support/sanitizers.h"
#include "support/scale.h"
#include "support/wait.h"
#include "tls_ends.h"
#include "tornado/gen.h"
#include "tornado/multi.h"
#include "tornado/registration.h"
#include "tornado/task_group.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;

Certificates& certificates() {
  return Certificates::of_process();
}

std::string name_of_version(const testing::TestParamInfo<TLSVersion>& test) {
  return test.param == TLSVersion::tls1_2 ? "tls1_2" : "tls1_3";
}

/// A loop, and what a client says of a server.
class TLSHandshake : public testing::TestWithParam<TLSVersion> {
 protected:
  [[nodiscard]] static SSLOptions server() { return server_options(GetParam()); }
  /// A server whose certificate is in `file`.
  [[nodiscard]] static SSLOptions server(const std::string& file) {
    SSLOptions options = server();
    options.certificate_file = file;
    return options;
  }
  HandshakeOutcome outcome(const SSLOptions& of_server, const SSLOptions& of_client,
                           const std::string& host = "localhost") {
    return shake_hands(loop, SSLContext::for_server(of_server),
                       SSLContext::for_client(of_client), host);
  }
  void expect_refusal(TLSErrc why, const SSLOptions& of_server,
                      const SSLOptions& of_client,
                      const std::string& host = "localhost") {
    const HandshakeOutcome out = outcome(of_server, of_client, host);
    EXPECT_EQ(out.client, make_error_code(why).message());
    EXPECT_NE(out.server, "");
  }
  void expect_success(const SSLOptions& of_server, const SSLOptions& of_client,
                      const std::string& host = "localhost") {
    const HandshakeOutcome out = outcome(of_server, of_client, host);
    EXPECT_EQ(out.client, "");
    EXPECT_EQ(out.server, "");
  }

  IOLoop loop;
};
INSTANTIATE_TEST_SUITE_P(, TLSHandshake,
                         testing::Values(TLSVersion::tls1_2, TLSVersion::tls1_3),
                         name_of_version);

TEST_P(TLSHandshake, accepts_a_certificate_for_the_host) {
  expect_success(server(), client_options());
}

TEST_P(TLSHandshake, refuses_a_certificate_for_another_host) {
  expect_refusal(TLSErrc::wrong_host, server(), client_options(), "example.org");
}

TEST_P(TLSHandshake, takes_the_dot_at_the_end_of_a_host_for_no_part_of_its_name) {
  expect_success(server(), client_options(), "localhost.");
}

TEST_P(TLSHandshake, takes_the_zone_of_an_address_for_no_part_of_it) {
  const std::string file = certificates().issue("zone", {{"IP:fe80::1"}});
  expect_success(server(file), client_options(), "fe80::1%lo");
}

TEST_P(TLSHandshake, refuses_a_host_with_a_zero_byte_or_a_dot_at_its_begin) {
  using namespace std::string_literals;
  const SSLContext context = SSLContext::for_client(client_options());
  for (const std::string& host : {"localhost\0.example"s, ".localhost"s, ".com"s}) {
    EXPECT_THROW(SSLIOStream(open_tcp_pair().first, loop, context, host),
                 std::system_error);
  }
}

TEST_P(TLSHandshake, accepts_an_address_that_the_certificate_names) {
  const std::string file =
      certificates().issue("address", {{"IP:127.0.0.1", "IP:::1"}});
  expect_success(server(file), client_options(), "127.0.0.1");
  expect_success(server(file), client_options(), "::1");
}

TEST_P(TLSHandshake, refuses_an_address_that_the_certificate_does_not_name) {
  expect_refusal(TLSErrc::wrong_host, server(), client_options(), "127.0.0.1");
}

TEST_P(TLSHandshake, refuses_an_expired_certificate) {
  const std::string file =
      certificates().issue("expired", {.begins = -7200, .ends = -3600});
  expect_refusal(TLSErrc::expired, server(file), client_options());
}

TEST_P(TLSHandshake, refuses_a_certificate_that_is_not_valid_yet) {
  const std::string file =
      certificates().issue("future", {.begins = 3600, .ends = 7200});
  expect_refusal(TLSErrc::not_yet_valid, server(file), client_options());
}

TEST_P(TLSHandshake, refuses_a_self_signed_certificate) {
  expect_refusal(TLSErrc::self_signed,
                 server(certificates().issue_self_signed("lonely")), client_options());
}

TEST_P(TLSHandshake, refuses_a_certificate_of_an_unknown_authority) {
  SSLOptions client;
  client.ca_file = certificates().stranger();
  expect_refusal(TLSErrc::unknown_authority, server(), client);
}

TEST_P(TLSHandshake, trusts_only_the_authorities_of_the_system_by_default) {
  expect_refusal(TLSErrc::unknown_authority, server(), SSLOptions());
}

TEST_P(TLSHandshake, verifies_the_chain_without_the_name_where_that_is_asked_for) {
  SSLOptions client = client_options();
  client.server_check = ServerCheck::insecure_chain_only;
  expect_success(server(), client, "example.org");
  client.ca_file = certificates().stranger();
  expect_refusal(TLSErrc::unknown_authority, server(), client);
}

TEST_P(TLSHandshake, verifies_nothing_where_that_is_asked_for) {
  SSLOptions client;
  client.server_check = ServerCheck::insecure_nothing;
  expect_success(server(certificates().issue_self_signed("any")), client, "");
}

TEST_P(TLSHandshake, offers_protocols_without_a_host_too) {
  SSLOptions of_server = server();
  of_server.alpn = {"h2"};
  SSLOptions of_client;
  of_client.server_check = ServerCheck::insecure_nothing;
  of_client.alpn = {"http/1.1"};
  EXPECT_NE(outcome(of_server, of_client, "").server, "");
  of_client.alpn = {"h2"};
  expect_success(of_server, of_client, "");
}

TEST_P(TLSHandshake, accepts_a_client_without_a_certificate_unless_one_is_required) {
  SSLOptions options = server();
  options.ca_file = certificates().authority();
  options.client_certificates = ClientCertificates::optional;
  expect_success(options, client_options());
  options.client_certificates = ClientCertificates::required;
  const HandshakeOutcome out = outcome(options, client_options());
  EXPECT_EQ(out.server, make_error_code(TLSErrc::no_certificate).message());
  EXPECT_NE(out.client, "");
}

TEST_P(TLSHandshake, verifies_the_certificate_of_a_client) {
  SSLOptions options = server();
  options.ca_file = certificates().authority();
  options.client_certificates = ClientCertificates::required;
  SSLOptions client = client_options();
  client.certificate_file = certificates().issue("client");
  expect_success(options, client);
  client.certificate_file = certificates().issue_self_signed("impostor");
  const HandshakeOutcome out = outcome(options, client);
  EXPECT_EQ(out.server, make_error_code(TLSErrc::self_signed).message());
  EXPECT_NE(out.client, "");
}

TEST_P(TLSHandshake, refuses_a_client_that_knows_none_of_its_protocols) {
  SSLOptions options = server();
  options.alpn = {"h2", "http/1.1"};
  SSLOptions client = client_options();
  client.alpn = {"smtp"};
  const HandshakeOutcome out = outcome(options, client);
  EXPECT_NE(out.server, "");
  EXPECT_NE(out.client, "");
}

TEST_P(TLSHandshake, refuses_a_version_below_the_least) {
  SSLOptions client = client_options();
  client.max_version = TLSVersion::tls1_2;
  SSLOptions options = server_options();
  options.min_version = TLSVersion::tls1_3;
  EXPECT_NE(outcome(options, client).client, "");
}

TEST_P(TLSHandshake, refuses_plain_text) {
  FdPair ends = open_tcp_pair();
  SSLIOStream stream(std::move(ends.first), loop, SSLContext::for_server(server()));
  IOStream plain(std::move(ends.second), loop);
  plain.write("GET / HTTP/1.1\r\n\r\n");
  std::string text;
  loop.run_sync(
      [](SSLIOStream& from, std::string& out) -> Task<void> {
        try {
          (void)co_await from.read_some();
        } catch (const StreamClosedError& error) {
          out = error.real_error().message();
        }
      }(stream, text),
      patience);
  EXPECT_EQ(text, "http request");
}

TEST_P(TLSHandshake, leaves_no_error_in_the_queue_of_openssl) {
  ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);  // of somebody else
  expect_success(server(), client_options());
  EXPECT_EQ(ERR_peek_error(), 0u);
  expect_refusal(TLSErrc::wrong_host, server(), client_options(), "example.org");
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST_P(TLSHandshake, ends_in_streams_that_ignore_errors_of_other_code) {
  auto [server, client] = open_tls_pair(loop, {}, GetParam());
  loop.run_sync(
      [](IOStream& from, IOStream& to) -> Task<void> {
        ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
        from.write("message");
        const std::string got = co_await to.read_bytes(7);  // waits at first
        EXPECT_EQ(got, "message");
        EXPECT_EQ(ERR_peek_error(), 0u);
        from.close();
        ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
        const std::string rest = co_await to.read_until_close();
        EXPECT_EQ(rest, "");
        EXPECT_EQ(to.error(), std::error_code());
        EXPECT_EQ(ERR_peek_error(), 0u);
      }(server, client),
      patience);
}

TEST_P(TLSHandshake, that_lasts_too_long_closes_the_stream) {
  FdPair ends = open_tcp_pair();
  SSLOptions options = server();
  options.handshake_timeout = 1ms;
  SSLIOStream silent(std::move(ends.first), loop, SSLContext::for_server(options));
  std::error_code error;
  loop.run_sync(
      [](SSLIOStream& from, std::error_code& out) -> Task<void> {
        try {
          (void)co_await from.read_some();
        } catch (const StreamClosedError& closed) {
          out = closed.real_error();
        }
      }(silent, error),
      patience);
  EXPECT_EQ(error, Errc::timed_out);
  EXPECT_TRUE(silent.closed());
}

TEST_P(TLSHandshake, that_lasts_too_long_closes_a_stream_that_has_a_callback_alone) {
  FdPair ends = open_tcp_pair();
  SSLOptions options = server();
  options.handshake_timeout = 1ms;
  SSLIOStream silent(std::move(ends.first), loop, SSLContext::for_server(options));
  silent.set_close_callback([this] { loop.stop(); });
  IOStream peer(std::move(ends.second), loop);
  peer.write(std::string(1, '\x16'));  // the begin of a record
  const Timeout limit(loop, patience, [this] { loop.stop(); });
  loop.start();
  EXPECT_EQ(silent.error(), Errc::timed_out);
}

TEST_P(TLSHandshake, whose_wait_is_cancelled_closes_the_stream) {
  FdPair ends = open_tcp_pair();
  SSLIOStream silent(std::move(ends.first), loop, SSLContext::for_server(server()));
  loop.run_sync(
      [](SSLIOStream& stream) -> Task<void> {
        const auto wait = [](SSLIOStream& on) -> Task<void> {
          co_await on.wait_for_handshake();
        };
        EXPECT_THROW(co_await with_timeout(1ms, wait(stream)), std::system_error);
      }(silent),
      patience);
  EXPECT_TRUE(silent.closed());
}

/// A conversation between a server and a client of given options.
class TLSConversation : public TLSHandshake {
 protected:
  void connect(const SSLContext& for_server, const SSLContext& for_client,
               const std::string& host = "localhost") {
    FdPair ends = open_tcp_pair();
    server_end.emplace(std::move(ends.first), loop, for_server);
    client_end.emplace(std::move(ends.second), loop, for_client, host);
    // A byte each way: the tickets that came before it are there.
    play([this]() -> Task<void> {
      client_end->write("c");
      server_end->write("s");
      EXPECT_EQ(co_await server_end->read_bytes(1), "c");
      EXPECT_EQ(co_await client_end->read_bytes(1), "s");
    });
  }
  template <class F>
  void play(F body) {
    constexpr auto run = [](F function) -> Task<void> { co_await function(); };
    loop.run_sync(run(std::move(body)), patience);
  }
  void end() {
    client_end.reset();
    server_end.reset();
  }

  std::optional<SSLIOStream> server_end;
  std::optional<SSLIOStream> client_end;
};
INSTANTIATE_TEST_SUITE_P(, TLSConversation,
                         testing::Values(TLSVersion::tls1_2, TLSVersion::tls1_3),
                         name_of_version);

TEST_P(TLSConversation, tells_what_was_agreed_on) {
  SSLOptions of_server = server();
  of_server.alpn = {"h2", "http/1.1"};
  SSLOptions of_client = client_options();
  of_client.alpn = {"http/1.1", "h2"};
  connect(SSLContext::for_server(of_server), SSLContext::for_client(of_client));
  const bool old = GetParam() == TLSVersion::tls1_2;
  EXPECT_EQ(client_end->version(), old ? "TLSv1.2" : "TLSv1.3");
  EXPECT_EQ(client_end->alpn(), "h2");
  EXPECT_EQ(server_end->alpn(), "h2");
  EXPECT_EQ(server_end->server_name(), "localhost");
  EXPECT_FALSE(client_end->cipher().empty());
  EXPECT_EQ(client_end->cipher(), server_end->cipher());
  EXPECT_FALSE(server_end->peer_certificate());
  const std::optional<PeerCertificate> shown = client_end->peer_certificate();
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->subject, "CN=localhost");
  EXPECT_EQ(shown->issuer, "CN=authority");
  EXPECT_EQ(shown->names, std::vector<std::string>{"localhost"});
  EXPECT_EQ(shown->sha256.size(), 64u);
  EXPECT_TRUE(shown->pem.starts_with("-----BEGIN CERTIFICATE-----"));
}

TEST_P(TLSConversation, chooses_a_certificate_by_the_name_that_the_client_asks_for) {
  SSLOptions of_server = server();
  SSLOptions one = server(certificates().issue("one", {{"one.example"}}));
  SSLOptions any = server(certificates().issue("any", {{"*.two.example"}}));
  of_server.names.emplace("One.example", SSLContext::for_server(one));
  of_server.names.emplace("*.two.example", SSLContext::for_server(any));
  const SSLContext context = SSLContext::for_server(of_server);
  const SSLContext clients = SSLContext::for_client(client_options());
  for (const std::string host : {"one.example", "ONE.example", "a.two.example"}) {
    connect(context, clients, host);
    EXPECT_EQ(client_end->peer_certificate()->subject,
              host == "a.two.example" ? "CN=any" : "CN=one");
  }
}

TEST_P(TLSConversation, resumes_the_session_of_an_earlier_one) {
  const SSLContext servers = SSLContext::for_server(server());
  const SSLContext clients = SSLContext::for_client(client_options());
  connect(servers, clients);
  EXPECT_FALSE(client_end->session_reused());
  end();
  connect(servers, clients);
  EXPECT_TRUE(client_end->session_reused());
  EXPECT_TRUE(server_end->session_reused());
}

TEST_P(TLSConversation, resumes_nothing_without_tickets) {
  SSLOptions of_server = server();
  of_server.tickets = 0;
  const SSLContext servers = SSLContext::for_server(of_server);
  const SSLContext clients = SSLContext::for_client(client_options());
  for (int i = 0; i < 2; ++i) {
    connect(servers, clients);
    EXPECT_FALSE(client_end->session_reused());
    end();
  }
}

TEST_P(TLSConversation, goes_on_while_its_context_reads_new_files) {
  const std::string file = certificates().path("reloaded.pem");
  const auto use = [&file](const std::string& name) {
    std::filesystem::copy_file(certificates().issue(name), file,
                               std::filesystem::copy_options::overwrite_existing);
  };
  use("old");
  SSLContext context = SSLContext::for_server(server(file));
  const SSLContext clients = SSLContext::for_client(client_options());
  connect(context, clients);
  SSLIOStream first_server = std::move(*server_end);
  SSLIOStream first_client = std::move(*client_end);
  use("new");
  context.reload();
  connect(context, clients);
  EXPECT_EQ(client_end->peer_certificate()->subject, "CN=new");
  EXPECT_FALSE(client_end->session_reused());
  play([&]() -> Task<void> {
    first_server.write("still here");
    EXPECT_EQ(co_await first_client.read_bytes(10), "still here");
  });
  EXPECT_EQ(first_client.peer_certificate()->subject, "CN=old");
}

TEST_P(TLSConversation, is_unharmed_by_a_reload_that_fails) {
  const std::string file = certificates().path("broken.pem");
  std::filesystem::copy_file(certificates().issue("localhost"), file,
                             std::filesystem::copy_options::overwrite_existing);
  SSLContext context = SSLContext::for_server(server(file));
  std::ofstream(file) << "no certificate";
  EXPECT_THROW(context.reload(), std::system_error);
  connect(context, SSLContext::for_client(client_options()));
}

TEST(SSLContext, names_the_file_that_it_cannot_use) {
  const auto error_of = [](const SSLOptions& options) -> std::string {
    try {
      (void)SSLContext::for_server(options);
    } catch (const std::system_error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(error_of({}),
            "SSLContext: a server needs a certificate_file: Invalid argument");
  EXPECT_EQ(error_of({.certificate_file = "/no/such.pem"}),
            "certificate_file \"/no/such.pem\": No such file or directory");
  EXPECT_TRUE(error_of({.certificate_file = certificates().issue("localhost"),
                        .key_file = certificates().issue("client")})
                  .find("key_file \"") == 0);
}

TEST(SSLContext, serves_loops_on_several_threads_while_it_reads_new_files) {
  SSLOptions of_servers = server_options();
  // A checker that OpenSSL was not compiled for does not see how it counts the users of
  // a session, which two connections may be.
  if (under_thread_sanitizer()) of_servers.tickets = 0;
  SSLContext servers = SSLContext::for_server(of_servers);
  const SSLContext clients = SSLContext::for_client(client_options());
  constexpr int threads = 3;
  std::atomic<int> ended{0};
  std::vector<Thread> loops;
  for (int i = 0; i < threads; ++i) {
    loops.emplace_back([servers, clients, &ended] {
      IOLoop loop;
      for (std::uint64_t n = 0; n < scaled(50); ++n) {
        const HandshakeOutcome outcome = shake_hands(loop, servers, clients);
        EXPECT_EQ(outcome.server, "");
        EXPECT_EQ(outcome.client, "");
      }
      ++ended;
    });
  }
  while (ended < threads) servers.reload();
}

TEST(SSLContext, refuses_a_least_version_above_the_most) {
  SSLOptions options = server_options(TLSVersion::tls1_2);
  options.min_version = TLSVersion::tls1_3;
  EXPECT_THROW((void)SSLContext::for_server(options), std::system_error);
}

TEST(SSLContext, reads_an_encrypted_key_by_its_password_alone) {
  SSLOptions options = server_options();
  options.key_file = certificates().encrypt_key("localhost", "secret");
  EXPECT_THROW((void)SSLContext::for_server(options), std::system_error);
  options.key_password = "wrong";
  EXPECT_THROW((void)SSLContext::for_server(options), std::system_error);
  options.key_password = "secret";
  EXPECT_NO_THROW((void)SSLContext::for_server(options));
}

TEST(SSLIOStream, needs_a_host_unless_it_is_told_to_verify_none) {
  IOLoop loop;
  FdPair ends = open_tcp_pair();
  EXPECT_THROW(SSLIOStream(std::move(ends.first), loop,
                           SSLContext::for_client(client_options())),
               std::system_error);
}

}  // namespace
}  // namespace tornado::test
