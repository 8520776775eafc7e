// SPDX-License-Identifier: Apache-2.0
// Clients of other makers, which talk with our server over TLS.
#include <gtest/gtest.h>

#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "dialogues.h"
#include "http.h"
#include "network.h"
#include "peer.h"
#include "tls_programs.h"

namespace tornado::test {
namespace {

Certificates& certificates() {
  return Certificates::of_process();
}

constexpr char answer[] = "an answer of our server\n";

/// What our server knows of a connection.
struct Seen {
  std::string version;
  std::string cipher;
  std::string alpn;
  std::string server_name;
  std::string subject;
  bool reused = false;
};

/// The output of a program with `input`, which ends when the output has
/// `wanted`.
Task<std::string> talk(std::vector<std::string> argv, std::string input,
                       std::string wanted) {
  Peer peer(with_errors(std::move(argv)));
  std::string output;
  try {
    peer.in().write(input);
    while (output.find(wanted) == std::string::npos) {
      output += co_await peer.out().read_some();
    }
    peer.close_in();
    output += co_await peer.rest();
  } catch (const StreamClosedError&) {
    // The program has ended.
  }
  co_return output;
}

class TLSClientPeer : public WithPeers,
                      public testing::WithParamInterface<TLSPeerCase> {
 protected:
  TLSClientPeer() : WithPeers({program().file}) {}
  static const TLSProgram& program() { return GetParam().program; }
  void TearDown() override {
    server.reset();
    WithPeers::TearDown();
  }

  void listen(SSLOptions options) {
    options.alpn = {"http/1.1"};
    server.emplace(with_tls(SSLContext::for_server(options),
                            [this](SSLIOStream stream, SocketAddress) {
                              return serve(std::move(stream));
                            }));
    wish.port = test::listen(*server);
  }
  [[nodiscard]] Task<std::string> ask(std::string wanted = answer) {
    return talk(program().argv(wish), http_request, std::move(wanted));
  }

  [[nodiscard]] Seen last() const { return seen.empty() ? Seen() : seen.back(); }

  TLSWish wish = {.version = GetParam().version,
                  .trust = certificates().authority(),
                  .alpn = "http/1.1"};
  std::vector<Seen> seen;
  int requests = 0;
  std::optional<TCPServer> server;
  Task<void> serve_smtp(IOStream plain, SSLContext context) {
    plain.write("220 localhost ESMTP\r\n");
    std::string line = co_await plain.read_until("\r\n");
    while (line != "STARTTLS\r\n") {
      plain.write("250-localhost\r\n250 STARTTLS\r\n");
      line = co_await plain.read_until("\r\n");
    }
    plain.write("220 begin\r\n");
    SSLIOStream stream = co_await start_tls(std::move(plain), context);
    co_await serve(std::move(stream));
  }

 private:
  Task<void> serve(SSLIOStream stream) {
    const auto certificate = stream.peer_certificate();
    seen.push_back({stream.version(), stream.cipher(), stream.alpn(),
                    stream.server_name(), certificate ? certificate->subject : "",
                    stream.session_reused()});
    co_await stream.read_until("\r\n\r\n");
    ++requests;
    stream.write("HTTP/1.0 200 OK\r\n\r\n" + std::string(answer));
    co_await stream.finish();
  }
};
INSTANTIATE_TEST_SUITE_P(, TLSClientPeer,
                         testing::ValuesIn(each_version(tls_client_programs())),
                         name_of_case);

TEST_P(TLSClientPeer, verifies_our_server_and_gets_its_answer) {
  play([this]() -> Task<void> {
    for (const bool rsa : {false, true}) {
      SSLOptions options = server_options();
      if (rsa) options.certificate_file = certificates().issue("rsa", {.rsa = true});
      listen(options);
      const std::string output = co_await ask();
      EXPECT_NE(output.find(answer), std::string::npos) << output;
      EXPECT_EQ(requests, 1) << output;
      requests = 0;
    }
    const std::string version = wish.version == TLSVersion::tls1_2 ? "1.2" : "1.3";
    for (const Seen& one : seen) {
      EXPECT_EQ(one.version, "TLSv" + version);
      EXPECT_EQ(one.alpn, "http/1.1");
      EXPECT_EQ(one.server_name, "localhost");
      EXPECT_EQ(one.subject, "");
    }
  });
}

struct BadCertificate {
  std::string file;
  std::string trust;
  std::string refusal;
};

TEST_P(TLSClientPeer, refuses_each_bad_certificate_of_our_server_by_name) {
  Certificates& files = certificates();
  const TLSRefusals& words = program().refusals;
  const std::string authority = files.authority();
  const std::vector<BadCertificate> all = {
      {files.issue("other", {{"other.example"}}), authority, words.wrong_host},
      {files.issue("old", {.begins = -7200, .ends = -3600}), authority, words.expired},
      {files.issue_self_signed("lonely"), authority, words.self_signed},
      {files.issue("localhost"), files.stranger(), words.unknown_authority}};
  play([&, this]() -> Task<void> {
    for (const BadCertificate& bad : all) {
      SSLOptions options = server_options();
      options.certificate_file = bad.file;
      listen(options);
      wish.trust = bad.trust;
      const std::string output = co_await ask(bad.refusal);
      EXPECT_NE(output.find(bad.refusal), std::string::npos) << bad.refusal << output;
    }
    EXPECT_EQ(requests, program().goes_on ? 4 : 0);
  });
}

TEST_P(TLSClientPeer, shows_the_certificate_that_our_server_requires) {
  if (!program().identity) GTEST_SKIP() << "it has no certificates";
  SSLOptions options = server_options();
  options.ca_file = certificates().authority();
  options.client_certificates = ClientCertificates::required;
  listen(options);
  play([this]() -> Task<void> {
    const std::string refused = co_await ask("until its end");
    EXPECT_EQ(seen.size(), 0u) << refused;
    wish.identity = certificates().issue("me");
    const std::string output = co_await ask();
    EXPECT_NE(output.find(answer), std::string::npos) << output;
    EXPECT_EQ(seen.size(), 1u);
    EXPECT_EQ(last().subject, "CN=me");
  });
}

TEST_P(TLSClientPeer, resumes_its_session) {
  if (!program().tickets && wish.version == TLSVersion::tls1_2) {
    GTEST_SKIP() << "it takes no tickets, and our server keeps no sessions";
  }
  const Folder folder;
  wish.session = folder.file("session");
  listen(server_options());
  play([this]() -> Task<void> {
    std::string output = co_await ask();
    // Some make two connections in one run.
    if (seen.size() < 2) output += co_await ask();
    EXPECT_EQ(seen.size(), 2u) << output;
    EXPECT_FALSE(seen.empty() || seen.front().reused) << output;
    EXPECT_TRUE(last().reused) << output;
  });
}

TEST_P(TLSClientPeer, speaks_each_cipher_of_our_server) {
  if (!program().cipher) GTEST_SKIP() << "it is not told its cipher";
  SSLOptions options = server_options();
  play([&, this]() -> Task<void> {
    for (const bool rsa : {false, true}) {
      if (rsa) options.certificate_file = certificates().issue("rsa", {.rsa = true});
      for (const std::string& cipher : ciphers_of(wish.version, rsa)) {
        listen(options);
        wish.cipher = cipher;
        const std::string output = co_await ask();
        EXPECT_NE(output.find(answer), std::string::npos) << output;
        EXPECT_EQ(last().cipher, cipher);
      }
    }
  });
}

TEST_P(TLSClientPeer, begins_tls_after_a_dialogue_of_smtp) {
  const std::vector<std::string>& words = program().starttls;
  if (words.empty()) GTEST_SKIP() << "it does not speak SMTP";
  const SSLContext context = SSLContext::for_server(server_options());
  server.emplace([&, this](IOStream stream, SocketAddress) {
    return serve_smtp(std::move(stream), context);
  });
  wish.port = test::listen(*server);
  wish.alpn.clear();
  std::vector<std::string> argv = program().argv(wish);
  argv.insert(argv.end(), words.begin(), words.end());
  play([&, this]() -> Task<void> {
    const std::string output = co_await talk(argv, http_request, answer);
    EXPECT_NE(output.find(answer), std::string::npos) << output;
    EXPECT_EQ(requests, 1);
  });
}

}  // namespace
}  // namespace tornado::test
