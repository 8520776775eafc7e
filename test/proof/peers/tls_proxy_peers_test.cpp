// SPDX-License-Identifier: Apache-2.0
// nginx, haproxy and stunnel, which end TLS of our client and begin it to our server.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "dialogues.h"
#include "http.h"
#include "network.h"
#include "peer.h"
#include "tls_ends.h"

namespace tornado::test {
namespace {

Certificates& certificates() {
  return Certificates::of_process();
}

/// What a proxy is told: ports, its certificate, and the authorities of our server.
struct ProxyWish {
  std::string front;
  std::string back;
  std::string identity;
  std::string trust;
  std::string version;
};

std::string nginx_text(const Folder& folder, const ProxyWish& wish) {
  std::string text = "daemon off; master_process off; user root; pid " +
                     folder.file("pid") + "; error_log " + folder.file("log") +
                     " error;\nevents { worker_connections 64; }\nhttp {\n";
  for (const std::string kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    text += kind + "_temp_path " + folder.file(kind) + ";\n";
  }
  return text + "access_log off; client_max_body_size 0; proxy_buffering off;\n" +
         "proxy_request_buffering off; proxy_http_version 1.1;\n" +
         "server { listen 127.0.0.1:" + wish.front + " ssl;\nssl_certificate " +
         wish.identity + "; ssl_certificate_key " + wish.identity +
         "; ssl_protocols TLSv" + wish.version +
         ";\nlocation / { proxy_pass https://127.0.0.1:" + wish.back +
         "; proxy_ssl_verify on; proxy_ssl_trusted_certificate " + wish.trust +
         ";\nproxy_ssl_name localhost; proxy_ssl_server_name on;" +
         " proxy_ssl_protocols TLSv" + wish.version + "; } } }\n";
}

std::vector<std::string> nginx(const Folder& folder, const ProxyWish& wish) {
  folder.put("nginx.conf", nginx_text(folder, wish));
  return {
      "nginx", "-e", "stderr", "-p", folder.path(), "-c", folder.file("nginx.conf")};
}

std::vector<std::string> haproxy(const Folder& folder, const ProxyWish& wish) {
  const std::string version =
      " ssl-min-ver TLSv" + wish.version + " ssl-max-ver TLSv" + wish.version;
  folder.put("haproxy.cfg",
             "global\n maxconn 64\n tune.ssl.default-dh-param 2048\ndefaults\n"
             " timeout connect 60s\n timeout client 60s\n timeout server 60s\n"
             " retries 0\nlisten all\n mode http\n bind 127.0.0.1:" +
                 wish.front + " ssl crt " + wish.identity + version +
                 "\n server ours 127.0.0.1:" + wish.back +
                 " ssl verify required verifyhost localhost sni str(localhost)"
                 " ca-file " +
                 wish.trust + version + "\n");
  return {"haproxy", "-db", "-q", "-f", folder.file("haproxy.cfg")};
}

std::vector<std::string> stunnel(const Folder& folder, const ProxyWish& wish) {
  const std::string middle = std::to_string(std::stoi(wish.front) + 1000);
  const std::string version = "sslVersion = TLSv" + wish.version + "\n";
  folder.put("stunnel.conf",
             "foreground = yes\npid =\ndebug = info\noutput = " + folder.file("log") +
                 "\n[front]\n" + version + "accept = 127.0.0.1:" + wish.front +
                 "\ncert = " + wish.identity + "\nconnect = 127.0.0.1:" + middle +
                 "\n[back]\n" + version + "client = yes\naccept = 127.0.0.1:" + middle +
                 "\nconnect = 127.0.0.1:" + wish.back +
                 "\nsni = localhost\nverifyChain = yes\n" +
                 "checkHost = localhost\nCAfile = " + wish.trust + "\n");
  return {"sh", "-c", "exec stunnel \"$0\" 2>/dev/null", folder.file("stunnel.conf")};
}

struct TLSProxy {
  std::string name;
  std::vector<std::string> (*argv)(const Folder&, const ProxyWish&);
  std::string status;      // of an answer without our server; empty: none
  std::string wrong_host;  // in the log, which haproxy does not write to a file
  std::string expired;
  std::string self_signed;
  std::string unknown_authority;
};

const std::vector<TLSProxy> proxies = {
    {"nginx", nginx, "502", "does not match", "certificate has expired",
     "self-signed certificate", "unable to verify the first certificate"},
    {"haproxy", haproxy, "503", "", "", "", ""},
    {"stunnel", stunnel, "", "Subject checks failed", "certificate has expired",
     "self-signed certificate", "unable to get local issuer certificate"}};

using ProxyCase = std::tuple<TLSProxy, std::string>;

class TLSProxyPeer : public WithPeers, public testing::WithParamInterface<ProxyCase> {
 protected:
  TLSProxyPeer() : WithPeers({proxy().name}) {}
  static const TLSProxy& proxy() { return std::get<0>(GetParam()); }
  void TearDown() override {
    server.reset();
    WithPeers::TearDown();
  }

  void listen(const SSLOptions& options) {
    server.emplace(with_tls(SSLContext::for_server(options),
                            [this](SSLIOStream stream, SocketAddress peer) {
                              name = stream.server_name();
                              return serve_http(std::move(stream), std::move(peer));
                            }));
    wish.back = std::to_string(test::listen(*server));
  }
  /// Each has ports of its own, as all ports are free in this network.
  [[nodiscard]] std::vector<std::string> next_proxy() {
    wish.front = std::to_string(++last);
    return proxy().argv(folder, wish);
  }
  [[nodiscard]] Task<SSLIOStream> connect() {
    IOStream plain = co_await dial(last);
    SSLIOStream stream(std::move(plain), SSLContext::for_client(client_options()),
                       "localhost");
    co_await stream.wait_for_handshake();
    co_return stream;
  }
  /// The head of an answer, or nothing.
  [[nodiscard]] Task<std::string> ask() {
    try {
      SSLIOStream stream = co_await connect();
      stream.write("GET /bytes/1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
      co_return co_await stream.read_until("\r\n\r\n");
    } catch (const StreamClosedError&) {
      co_return std::string();
    }
  }
  [[nodiscard]] std::string log() const {
    std::stringstream text;
    text << std::ifstream(folder.file("log")).rdbuf();
    return text.str();
  }

  const Folder folder;
  ProxyWish wish = {.front = {},
                    .back = {},
                    .identity = certificates().issue("localhost"),
                    .trust = certificates().authority(),
                    .version = std::get<1>(GetParam())};
  std::string name;
  std::optional<TCPServer> server;
  static inline std::uint16_t last = 9443;  // port of a proxy
};
INSTANTIATE_TEST_SUITE_P(, TLSProxyPeer,
                         testing::Combine(testing::ValuesIn(proxies),
                                          testing::Values("1.2", "1.3")),
                         [](const testing::TestParamInfo<ProxyCase>& test) {
                           const bool old = std::get<1>(test.param) == "1.2";
                           return std::get<0>(test.param).name +
                                  (old ? "_tls1_2" : "_tls1_3");
                         });

TEST_P(TLSProxyPeer, passes_every_byte_between_our_client_and_our_server) {
  listen(server_options());
  play([this]() -> Task<void> {
    Peer peer(next_proxy());
    SSLIOStream stream = co_await connect();
    EXPECT_EQ(stream.version(), "TLSv" + wish.version);
    stream.write("GET /bytes/3000000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const std::string head = co_await stream.read_until("\r\n\r\n");
    EXPECT_NE(head.find(" 200 "), std::string::npos) << head;
    const std::string got = co_await stream.read_bytes(3'000'000);
    EXPECT_TRUE(got == numbered_bytes(3'000'000));
    const std::string body = noise(3 << 20);
    stream.write("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
                 std::to_string(body.size()) + "\r\n\r\n" + body);
    co_await stream.read_until("\r\n\r\n");
    const std::string back = co_await stream.read_bytes(body.size());
    EXPECT_TRUE(back == body);
    EXPECT_EQ(name, "localhost");
    co_await stream.finish();
  });
}

struct BadCertificate {
  std::string file;
  std::string trust;
  TLSErrc refusal;
  std::string words;
};

std::vector<BadCertificate> bad_certificates(const TLSProxy& proxy) {
  Certificates& files = certificates();
  const std::string authority = files.authority();
  return {{files.issue("other", {{"other.example"}}), authority, TLSErrc::wrong_host,
           proxy.wrong_host},
          {files.issue("old", {.begins = -7200, .ends = -3600}), authority,
           TLSErrc::expired, proxy.expired},
          {files.issue_self_signed("lonely"), authority, TLSErrc::self_signed,
           proxy.self_signed},
          {files.issue("localhost"), files.stranger(), TLSErrc::unknown_authority,
           proxy.unknown_authority}};
}

TEST_P(TLSProxyPeer, refuses_each_bad_certificate_of_our_server) {
  play([this]() -> Task<void> {
    for (const BadCertificate& bad : bad_certificates(proxy())) {
      SSLOptions options = server_options();
      options.certificate_file = bad.file;
      listen(options);
      wish.trust = bad.trust;
      Peer peer(next_proxy());
      const std::string head = co_await ask();
      const std::string status = proxy().status;
      EXPECT_TRUE(status.empty() ? head.empty()
                                 : head.find(' ' + status + ' ') != head.npos)
          << head;
      EXPECT_NE(log().find(bad.words), std::string::npos) << bad.words << log();
    }
  });
}

TEST_P(TLSProxyPeer, with_a_bad_certificate_is_refused_by_our_client_by_name) {
  listen(server_options());
  play([this]() -> Task<void> {
    for (const BadCertificate& bad : bad_certificates(proxy())) {
      wish.identity = bad.file;
      Peer peer(next_proxy());
      SSLOptions options;
      options.ca_file = bad.trust;
      IOStream plain = co_await dial(last);
      SSLIOStream stream(std::move(plain), SSLContext::for_client(options),
                         "localhost");
      std::error_code error;
      try {
        co_await stream.wait_for_handshake();
      } catch (const StreamClosedError& closed) {
        error = closed.real_error();
      }
      EXPECT_EQ(error, bad.refusal) << error.message();
    }
  });
}

}  // namespace
}  // namespace tornado::test
