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

}  // namespace
}  // namespace tornado::test
