// SPDX-License-Identifier: Apache-2.0
// What needs a program of its own: updates of keys by openssl, and a scan of our
// server.
#include <gtest/gtest.h>

#include <regex>
#include <sstream>
#include <string>

#include "dialogues.h"
#include "http.h"
#include "peer.h"
#include "tls_programs.h"

namespace tornado::test {
namespace {

class OpenSSLPeer : public WithPeers {
 protected:
  OpenSSLPeer() : WithPeers({"openssl"}) {}
};

TEST_F(OpenSSLPeer, updates_the_keys_of_both_ends_from_its_client) {
  const SSLContext context = SSLContext::for_server(server_options());
  TCPServer server(with_tls(context, [](SSLIOStream stream, SocketAddress peer) {
    return capitals(std::move(stream), std::move(peer));
  }));
  const std::string address = "127.0.0.1:" + std::to_string(listen(server));
  play([&]() -> Task<void> {
    Peer peer(
        with_errors(command("openssl", "s_client", "-connect", address, "-tls1_3")));
    for (const std::string key : {"k\n", "K\n"}) {
      peer.in().write("before\n");
      co_await peer.out().read_until("BEFORE\n");
      peer.in().write(key);
      co_await peer.out().read_until("KEYUPDATE\n");
      peer.in().write("after\n");
      co_await peer.out().read_until("AFTER\n");
    }
  });
}

TEST_F(OpenSSLPeer, updates_the_keys_of_both_ends_from_its_server) {
  const std::string file = Certificates::of_process().issue("localhost");
  play([&]() -> Task<void> {
    Peer peer(with_errors(command("openssl", "s_server", "-accept", "127.0.0.1:8443",
                                  "-tls1_3", "-cert", file, "-key", file)));
    IOStream plain = co_await dial(8443);
    SSLIOStream stream(std::move(plain), SSLContext::for_client(client_options()),
                       "localhost");
    co_await stream.wait_for_handshake();
    std::string said;
    for (const std::string key : {"k\n", "K\n"}) {
      peer.in().write(key);
      co_await peer.in().flush();
      stream.write("from us\n");
      said += co_await peer.out().read_until("from us\n");
      peer.in().write("to us\n");
      const std::string line = co_await stream.read_until("\n");
      EXPECT_EQ(line, "to us\n");
    }
    peer.close_in();
    said += co_await peer.rest();
    const std::string updated = "SSL_do_handshake -> 1\n";
    EXPECT_NE(said.find(updated), said.rfind(updated)) << said;  // twice
  });
}

class Sslscan : public WithPeers {
 protected:
  Sslscan() : WithPeers({"sslscan"}) {}
};

/// The lines of a report that tell of something old, weak or unsafe.
std::string weak_lines(const std::string& report) {
  static const std::regex offered(
      "<protocol .*enabled=\"1\"|<cipher |<renegotiation |<compression |<heartbleed ");
  static const std::regex good(
      "type=\"tls\" version=\"1.[23]\" enabled=\"1\"|"
      "strength=\"(strong|acceptable)\"|<(renegotiation|compression) supported=\"0\"|"
      "vulnerable=\"0\"");
  std::istringstream lines(report);
  std::string weak;
  for (std::string line; std::getline(lines, line);) {
    if (!std::regex_search(line, offered) || std::regex_search(line, good)) continue;
    weak += line + '\n';
  }
  return weak;
}

TEST_F(Sslscan, finds_nothing_weak_in_our_default_server) {
  play([]() -> Task<void> {
    for (const bool rsa : {false, true}) {
      SSLOptions options = server_options();
      if (rsa)
        options.certificate_file =
            Certificates::of_process().issue("rsa", {.rsa = true});
      TCPServer server(with_tls(SSLContext::for_server(options),
                                [](SSLIOStream stream, SocketAddress peer) {
                                  return echo(std::move(stream), std::move(peer));
                                }));
      const std::string address = "127.0.0.1:" + std::to_string(listen(server));
      const Outcome scan =
          co_await run_peer(command("sslscan", "--no-colour", "--xml=-", address));
      const std::string& report = scan.output;
      EXPECT_NE(report.find("cipher=\"TLS_AES_128_GCM_SHA256\""), std::string::npos);
      EXPECT_EQ(weak_lines(report), "");
    }
  });
}

}  // namespace
}  // namespace tornado::test
