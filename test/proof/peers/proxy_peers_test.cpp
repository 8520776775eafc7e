// SPDX-License-Identifier: Apache-2.0
// curl, nginx and haproxy: before our server, and behind our proxy.
#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <vector>

#include "dialogues.h"
#include "http.h"
#include "network.h"
#include "peer.h"
#include "support/log_capture.h"

namespace tornado::test {
namespace {

/// Free in this network: nobody else is there.
constexpr std::uint16_t front = 8080;
constexpr std::uint16_t back = 8081;

std::string url(std::uint16_t port, const std::string& path) {
  return "http://127.0.0.1:" + std::to_string(port) + path;
}

template <class... Words>
std::vector<std::string> curl(const Words&... words) {
  return command("curl", "--silent", "--show-error", "--noproxy", "*", "--header",
                 "Expect:", words...);
}

/// Each of `targets` in turn, with the status and the number of connections it made.
std::vector<std::string> curl_each(const std::vector<std::string>& targets) {
  std::vector<std::string> argv =
      curl("--write-out", "\n%{http_code} %{num_connects}\n");
  argv.insert(argv.end(), targets.begin(), targets.end());
  return argv;
}

class Curl : public WithPeers {
 protected:
  Curl() : WithPeers({"curl"}) {}
};

Task<void> relay_to_back(IOStream client, SocketAddress) {
  return relay(std::move(client), SocketAddress("127.0.0.1", back));
}

/// A folder with a file of numbered bytes, and a server of it, or a proxy to
/// `upstream`.
class Nginx : public WithPeers {
 protected:
  Nginx() : WithPeers({"curl", "nginx"}) {}

  [[nodiscard]] std::vector<std::string> nginx(std::uint16_t port,
                                               std::uint16_t upstream = 0) const {
    const std::string to = std::to_string(upstream);
    const std::string place =
        upstream == 0 ? "root " + folder.path() + ";"
                      : "proxy_pass http://ours; proxy_http_version 1.1;"
                        "proxy_set_header Connection \"\"; proxy_buffering off;"
                        "proxy_request_buffering off;";
    folder.put("nginx.conf",
               "daemon off; master_process off; pid " + folder.file("pid") +
                   "; error_log stderr crit; user root;\n"
                   "events { worker_connections 256; }\n"
                   "http { access_log off; client_max_body_size 0;\n" +
                   temporary_folders() + "upstream ours { server 127.0.0.1:" +
                   (upstream == 0 ? std::string("9") : to) +
                   "; keepalive 4; }\n"
                   "server { listen 127.0.0.1:" +
                   std::to_string(port) + "; location / { " + place + " } } }\n");
    return {
        "nginx", "-e", "stderr", "-p", folder.path(), "-c", folder.file("nginx.conf")};
  }
  const Folder folder;

 private:
  [[nodiscard]] std::string temporary_folders() const {
    std::string text;
    for (const std::string kind :
         {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
      text += kind + "_temp_path " + folder.file(kind) + ";\n";
    }
    return text;
  }
};

class Haproxy : public WithPeers {
 protected:
  Haproxy() : WithPeers({"curl", "haproxy"}) {}

  /// Listens on `front`. `mode` is tcp or http, `options` are of the server line.
  [[nodiscard]] std::vector<std::string> haproxy(
      const std::string& mode, std::uint16_t to,
      const std::string& options = {}) const {
    folder.put("haproxy.cfg",
               "global\n maxconn 256\ndefaults\n timeout connect 60s\n"
               " timeout client 60s\n timeout server 60s\n"
               "listen all\n mode " +
                   mode + "\n bind 127.0.0.1:" + std::to_string(front) +
                   "\n server ours 127.0.0.1:" + std::to_string(to) + " " + options +
                   "\n");
    return {"haproxy", "-db", "-q", "-f", folder.file("haproxy.cfg")};
  }
  const Folder folder;
};

/// Until a server listens there.
Task<void> wait_for(std::uint16_t port) {
  const IOStream probe = co_await dial(port);
}

Task<void> expect_download(std::uint16_t port) {
  const Outcome got = co_await run_peer(curl(url(port, "/bytes/9000000")));
  EXPECT_TRUE(got.output == numbered_bytes(9'000'000)) << got.output.size();
  EXPECT_EQ(got.returncode, 0);
}

Task<void> expect_upload(std::uint16_t port) {
  const std::string body = noise(9 << 20);
  const Outcome got =
      co_await run_peer(curl("--data-binary", "@-", url(port, "/echo")), body);
  EXPECT_TRUE(got.output == body) << got.output.size();
  EXPECT_EQ(got.returncode, 0);
}

/// Sends much more than our server reads before it refuses.
Task<void> expect_refusal(std::uint16_t port) {
  const Outcome got = co_await run_peer(curl("--data-binary", "@-", "--write-out",
                                             "\n%{http_code}", url(port, "/refuse")),
                                        std::string(64 << 20, 'x'));
  EXPECT_TRUE(got.output == refusal() + "\n413") << got.output.size();
}

TEST_F(Curl, keeps_one_connection_for_all_requests) {
  TCPServer server(serve_http);
  play([&]() -> Task<void> {
    const std::uint16_t port = listen(server);
    std::vector<std::string> targets;
    std::string expected;
    for (int i = 0; i < 50; ++i) {
      const std::size_t size = static_cast<std::size_t>(i) * 4000;
      targets.push_back(url(port, "/bytes/" + std::to_string(size)));
      expected += numbered_bytes(size) + "\n200 " + (i == 0 ? "1" : "0") + "\n";
    }
    const Outcome got = co_await run_peer(curl_each(targets));
    EXPECT_TRUE(got.output == expected);
    co_await server.drain();
  });
}

TEST_F(Curl, gets_and_sends_every_byte) {
  TCPServer server(serve_http);
  play([&]() -> Task<void> {
    const std::uint16_t port = listen(server);
    co_await expect_download(port);
    co_await expect_upload(port);
    co_await server.drain();
  });
}

TEST_F(Curl, gets_a_whole_refusal_while_it_still_sends) {
  TCPServer server(serve_http);
  play([&]() -> Task<void> {
    const std::uint16_t port = listen(server);
    for (int i = 0; i < 10; ++i) co_await expect_refusal(port);
    co_await server.drain();
  });
}

/// Many requests, 50 at a time.
Task<void> expect_many_downloads(std::uint16_t port) {
  const std::string count = std::to_string(300 * 100'000);
  const Outcome got =
      co_await run_peer(curl("--parallel", "--parallel-immediate", "--parallel-max",
                             "50", url(port, "/bytes/100000?[1-300]")));
  EXPECT_EQ(std::to_string(got.output.size()), count);
  EXPECT_EQ(got.returncode, 0);
}

TEST_F(Curl, makes_many_connections_at_a_time) {
  TCPServer server(serve_http);
  play([&]() -> Task<void> {
    co_await expect_many_downloads(listen(server));
    co_await server.drain();
  });
}

TEST_F(Curl, may_be_killed_during_a_download) {
  TCPServer server(serve_http);
  play([&]() -> Task<void> {
    Peer peer(curl(url(listen(server), "/bytes/90000000")));
    EXPECT_EQ(co_await peer.line(), "0");
    peer.send(SIGKILL);
    EXPECT_EQ(co_await peer.ended(), -SIGKILL);
    co_await server.drain();
  });
}

TEST_F(Nginx, passes_every_byte_to_and_from_our_server) {
  TCPServer server(serve_http);
  play([&]() -> Task<void> {
    Peer peer(nginx(front, listen(server)));
    co_await wait_for(front);
    co_await expect_download(front);
    co_await expect_upload(front);
  });
}

TEST_F(Nginx, passes_our_refusal_on_while_a_client_still_sends) {
  TCPServer server(serve_http);
  play([&]() -> Task<void> {
    Peer peer(nginx(front, listen(server)));
    co_await wait_for(front);
    for (int i = 0; i < 5; ++i) co_await expect_refusal(front);
    co_await expect_many_downloads(front);
  });
}

TEST_F(Nginx, keeps_its_connections_to_our_server) {
  int connections = 0;
  TCPServer server([&connections](IOStream stream, SocketAddress peer) -> Task<void> {
    ++connections;
    return serve_http(std::move(stream), std::move(peer));
  });
  play([&]() -> Task<void> {
    Peer peer(nginx(front, listen(server)));
    co_await wait_for(front);
    for (int i = 0; i < 5; ++i) co_await expect_download(front);
    EXPECT_EQ(connections, 1);
    EXPECT_EQ(server.connections(), 1u);
  });
}

TEST_F(Nginx, serves_through_our_proxy) {
  folder.put("file", numbered_bytes(9'000'000));
  TCPServer proxy(relay_to_back, {.half_open = true});
  play([&]() -> Task<void> {
    Peer peer(nginx(back));
    const std::string file = url(listen(proxy), "/file");
    std::vector<std::string> targets;
    std::string expected;
    for (int i = 0; i < 5; ++i) {
      targets.push_back(file);
      expected += numbered_bytes(9'000'000) + "\n200 " + (i == 0 ? "1" : "0") + "\n";
    }
    const Outcome got = co_await run_peer(curl_each(targets));
    EXPECT_TRUE(got.output == expected) << got.output.size();
    co_await proxy.drain();
  });
}

TEST_F(Nginx, is_killed_behind_our_proxy_and_the_client_is_told) {
  folder.put("file", numbered_bytes(90'000'000));
  TCPServer proxy(relay_to_back, {.half_open = true});
  play([&]() -> Task<void> {
    Peer peer(nginx(back));
    Peer client(curl(url(listen(proxy), "/file")));
    EXPECT_EQ(co_await client.line(), "0");
    peer.send(SIGKILL);
    EXPECT_EQ(co_await peer.ended(), -SIGKILL);
    const std::string rest = co_await client.rest();
    EXPECT_LT(rest.size(), 90'000'000u);
    EXPECT_NE(co_await client.ended(), 0);
    co_await proxy.drain();
  });
}

TEST_F(Haproxy, passes_every_byte_to_and_from_our_server) {
  TCPServer server(serve_http);
  play([&]() -> Task<void> {
    const std::uint16_t port = listen(server);
    for (const std::string mode : {"tcp", "http"}) {
      Peer peer(haproxy(mode, port));
      co_await wait_for(front);
      co_await expect_download(front);
      co_await expect_upload(front);
      co_await expect_refusal(front);
      co_await expect_many_downloads(front);
      peer.send(SIGTERM);
      (void)co_await peer.ended();
    }
  });
}

TEST_F(Haproxy, passes_half_closes_on_in_both_directions) {
  TCPServer server(
      [](IOStream stream, SocketAddress) -> Task<void> {
        const std::string all = co_await stream.read_until_close();
        stream.write(all + "and an end");
        co_await stream.finish();
      },
      {.half_open = true});
  play([&]() -> Task<void> {
    Peer peer(haproxy("tcp", listen(server)));
    IOStream stream = co_await dial(front, {.half_open = true});
    const std::string bytes = noise(3 << 20);
    stream.write(bytes);
    co_await stream.shutdown_write();
    const std::string answer = co_await stream.read_until_close();
    EXPECT_TRUE(answer == bytes + "and an end") << answer.size();
  });
}

TEST_F(Haproxy, names_its_client_in_a_line_before_the_bytes) {
  std::string line;
  TCPServer server([&line](IOStream stream, SocketAddress peer) -> Task<void> {
    line = co_await stream.read_until("\r\n", {.max_bytes = 107});
    co_await echo(std::move(stream), std::move(peer));
  });
  play([&]() -> Task<void> {
    Peer peer(haproxy("tcp", listen(server), "send-proxy"));
    IOStream stream = co_await dial(front);
    EXPECT_EQ(co_await through(stream, "bytes"), "bytes");
    const std::string port = std::to_string(local_address(stream.fileno()).port());
    EXPECT_EQ(line, "PROXY TCP4 127.0.0.1 127.0.0.1 " + port + " 8080\r\n");
  });
}

// A check asks, and resets the connection when it has its answer.
TEST_F(Haproxy, checks_our_server_without_a_trace) {
  const LogCapture log;
  int connections = 0;
  TCPServer server([&connections](IOStream stream, SocketAddress peer) -> Task<void> {
    ++connections;
    return serve_http(std::move(stream), std::move(peer));
  });
  play([&]() -> Task<void> {
    const std::string mode = "http\n option httpchk GET /bytes/100000";
    Peer peer(haproxy(mode, listen(server), "check inter 10ms"));
    co_await until_true([&] { return connections >= 20; });
    co_await expect_download(front);
    peer.send(SIGKILL);
    EXPECT_EQ(co_await peer.ended(), -SIGKILL);
    co_await server.drain();
  });
  EXPECT_EQ(log.count(LogLevel::warning), 0u);
}

}  // namespace
}  // namespace tornado::test
