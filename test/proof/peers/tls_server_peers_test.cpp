// SPDX-License-Identifier: Apache-2.0
// Servers of other makers, which talk with our client over TLS.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dialogues.h"
#include "peer.h"
#include "tls_programs.h"

namespace tornado::test {
namespace {

Certificates& certificates() {
  return Certificates::of_process();
}

class TLSServerPeer : public WithPeers,
                      public testing::WithParamInterface<TLSPeerCase> {
 protected:
  TLSServerPeer() : WithPeers({program().file}) {}
  static const TLSProgram& program() { return GetParam().program; }

  /// Each has a port of its own, as all ports are free in this network.
  [[nodiscard]] std::vector<std::string> next_server() {
    static std::uint16_t last = 8443;
    wish.port = ++last;
    return program().argv(wish);
  }
  [[nodiscard]] Task<SSLIOStream> connect(SSLContext context) {
    IOStream plain = co_await dial(wish.port);
    SSLIOStream stream(std::move(plain), context, "localhost");
    co_await stream.wait_for_handshake();
    co_return stream;
  }
  /// Asks, and hears the answer. Whether the session is an earlier one.
  [[nodiscard]] Task<bool> converse(SSLContext context) {
    SSLIOStream stream = co_await connect(context);
    stream.write(http_request);
    co_await stream.read_until(program().answer);
    co_await stream.finish();
    co_return stream.session_reused();
  }
  /// The error of a connection that is refused.
  [[nodiscard]] Task<std::error_code> failure(SSLContext context) {
    try {
      co_await converse(context);
    } catch (const StreamClosedError& closed) {
      co_return closed.real_error();
    }
    co_return std::error_code();
  }

  TLSWish wish = {.version = GetParam().version,
                  .identity = certificates().issue("localhost")};
};
INSTANTIATE_TEST_SUITE_P(, TLSServerPeer,
                         testing::ValuesIn(each_version(tls_server_programs())),
                         name_of_case);

TEST_P(TLSServerPeer, answers_our_client_that_verifies_it) {
  if (program().alpn) wish.alpn = "http/1.1";
  play([this]() -> Task<void> {
    SSLOptions options = client_options();
    // Botan's server answers ALPN with an empty name, which no client may take.
    if (program().alpn) options.alpn = {"other", "http/1.1"};
    const SSLContext context = SSLContext::for_client(options);
    for (const bool rsa : {false, true}) {
      if (rsa) wish.identity = certificates().issue("rsa", {.rsa = true});
      Peer peer(next_server());
      SSLIOStream stream = co_await connect(context);
      const bool old = wish.version == TLSVersion::tls1_2;
      EXPECT_EQ(stream.version(), old ? "TLSv1.2" : "TLSv1.3");
      EXPECT_EQ(stream.alpn(), wish.alpn);
      stream.write(http_request);
      co_await stream.read_until(program().answer);
      co_await stream.finish();
    }
  });
}

struct BadCertificate {
  std::string file;
  std::string trust;
  TLSErrc refusal;
};

TEST_P(TLSServerPeer, with_a_bad_certificate_is_refused_by_our_client_by_name) {
  Certificates& files = certificates();
  const std::string authority = files.authority();
  const std::vector<BadCertificate> all = {
      {files.issue("other", {{"other.example"}}), authority, TLSErrc::wrong_host},
      {files.issue("old", {.begins = -7200, .ends = -3600}), authority,
       TLSErrc::expired},
      {files.issue_self_signed("lonely"), authority, TLSErrc::self_signed},
      {files.issue("localhost"), files.stranger(), TLSErrc::unknown_authority}};
  play([&, this]() -> Task<void> {
    for (const BadCertificate& bad : all) {
      wish.identity = bad.file;
      Peer peer(next_server());
      SSLOptions options;
      options.ca_file = bad.trust;
      const std::error_code error = co_await failure(SSLContext::for_client(options));
      EXPECT_EQ(error, bad.refusal) << error.message();
    }
  });
}

TEST_P(TLSServerPeer, takes_the_certificate_of_our_client_that_it_requires) {
  if (!program().identity) GTEST_SKIP() << "it asks for no certificate";
  wish.trust = certificates().authority();
  play([this]() -> Task<void> {
    Peer peer(next_server());
    SSLOptions options = client_options();
    const std::error_code error = co_await failure(SSLContext::for_client(options));
    EXPECT_TRUE(error);
    options.certificate_file = certificates().issue("me");
    const bool reused = co_await converse(SSLContext::for_client(options));
    EXPECT_FALSE(reused);
  });
}

TEST_P(TLSServerPeer, resumes_the_session_of_our_client) {
  const SSLContext context = SSLContext::for_client(client_options());
  play([&, this]() -> Task<void> {
    Peer peer(next_server());
    const bool first = co_await converse(context);
    EXPECT_FALSE(first);
    const bool second = co_await converse(context);
    EXPECT_TRUE(second);
  });
}

TEST_P(TLSServerPeer, speaks_each_cipher_of_our_client) {
  if (!program().cipher) GTEST_SKIP() << "it is not told its cipher";
  const SSLContext context = SSLContext::for_client(client_options());
  play([&, this]() -> Task<void> {
    for (const bool rsa : {false, true}) {
      if (rsa) wish.identity = certificates().issue("rsa", {.rsa = true});
      for (const std::string& cipher : ciphers_of(wish.version, rsa)) {
        wish.cipher = cipher;
        Peer peer(next_server());
        SSLIOStream stream = co_await connect(context);
        EXPECT_EQ(stream.cipher(), cipher);
      }
    }
  });
}

}  // namespace
}  // namespace tornado::test
