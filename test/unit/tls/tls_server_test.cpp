// SPDX-License-Identifier: Apache-2.0
// TCPServer and TCPClient with TLS, and programs of other makers as their peers.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "platform/tcp_pair.h"
#include "support/heap.h"
#include "support/limits.h"
#include "support/open_numbers.h"
#include "support/pollers.h"
#include "support/scale.h"
#include "support/wait.h"
#include "tls_ends.h"
#include "tornado/gen.h"
#include "tornado/netutil.h"
#include "tornado/subprocess.h"
#include "tornado/task_group.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;

Task<void> echo_lines(SSLIOStream stream, SocketAddress) {
  for (;;) {
    const std::string line = co_await stream.read_until("\n");
    co_await stream.write("echo " + line);
  }
}

Task<void> echo_one_line(SSLIOStream stream, SocketAddress) {
  const std::string line = co_await stream.read_until("\n");
  stream.write("echo " + line);
  co_await stream.finish();
}

class EachTLSServer : public testing::TestWithParam<PollerKind> {
 protected:
  void listen(const SSLOptions& options) {
    server = std::make_unique<TCPServer>(
        with_tls(SSLContext::for_server(options), echo_lines));
    server->listen(0, {.address = "127.0.0.1"});
    port = server->addresses().front().port();
  }
  template <class F>
  void play(F body) {
    constexpr auto run = [](F function) -> Task<void> { co_await function(); };
    loop.run_sync(run(std::move(body)), patience);
  }

  IOLoop loop{LoopOptions{.poller = GetParam()}};
  std::unique_ptr<TCPServer> server;
  std::uint16_t port = 0;
};
INSTANTIATE_TEST_SUITE_P(, EachTLSServer, testing::ValuesIn(working_poller_kinds()),
                         name_of_poller);

TEST_P(EachTLSServer, talks_with_a_client_that_verifies_it) {
  SSLOptions options = client_options();
  options.server_check = ServerCheck::insecure_chain_only;
  play([&, this]() -> Task<void> {
    listen(server_options());
    TCPClient tcp;
    const SSLContext context = SSLContext::for_client(options);
    for (int i = 0; i < 2; ++i) {
      SSLIOStream stream = co_await connect_tls(tcp, "127.0.0.1", port, context);
      stream.write("hello\n");
      EXPECT_EQ(co_await stream.read_until("\n"), "echo hello\n");
      EXPECT_EQ(stream.session_reused(), i == 1);
      co_await stream.finish();
    }
    co_await server->drain();
  });
}

TEST_P(EachTLSServer, is_refused_by_a_client_that_wants_another_host) {
  play([this]() -> Task<void> {
    listen(server_options());
    TCPClient tcp;
    std::error_code error;
    try {
      (void)co_await connect_tls(tcp, "127.0.0.1", port,
                                 SSLContext::for_client(client_options()));
    } catch (const StreamClosedError& closed) {
      error = closed.real_error();
    }
    EXPECT_EQ(error, TLSErrc::wrong_host);
    co_await server->drain();
    EXPECT_EQ(server->connections(), 0u);
  });
}

TEST_P(EachTLSServer, serves_others_while_a_client_is_silent) {
  play([this]() -> Task<void> {
    SSLOptions options = server_options();
    options.certificate_file =
        Certificates::of_process().issue("by address", {{"IP:127.0.0.1"}});
    listen(options);
    TCPClient tcp;
    IOStream silent = co_await tcp.connect("127.0.0.1", port);
    SSLIOStream stream = co_await connect_tls(tcp, "127.0.0.1", port,
                                              SSLContext::for_client(client_options()));
    stream.write("hello\n");
    EXPECT_EQ(co_await stream.read_until("\n"), "echo hello\n");
  });
}

TEST_P(EachTLSServer, ends_the_handshake_of_a_silent_client_at_its_deadline) {
  play([this]() -> Task<void> {
    SSLOptions options = server_options();
    options.handshake_timeout = 1ms;
    listen(options);
    TCPClient tcp;
    IOStream silent = co_await tcp.connect("127.0.0.1", port);
    EXPECT_EQ(co_await silent.read_until_close(), "");
  });
}

TEST_P(EachTLSServer, is_left_by_a_client_whose_time_is_up) {
  play([]() -> Task<void> {
    TCPServer mute([](IOStream stream, SocketAddress) -> Task<void> {
      (void)co_await stream.read_until_close();
    });
    mute.listen(0, {.address = "127.0.0.1"});
    TCPClient tcp;
    std::error_code error;
    try {
      (void)co_await connect_tls(tcp, "localhost", mute.addresses().front().port(),
                                 SSLContext::for_client(client_options()),
                                 {.family = AddressFamily::ipv4, .timeout = 20ms});
    } catch (const std::system_error& thrown) {
      error = thrown.code();
    }
    EXPECT_EQ(error, Errc::timed_out);
    co_await mute.drain();
  });
}

/// Sockets that connect to `server` and say nothing.
Task<void> connect_silently(const TCPServer& server, std::vector<UniqueFd>& clients,
                            std::size_t count) {
  const SocketAddress address = server.addresses().front();
  for (std::size_t i = 0; i < count; ++i) {
    clients.push_back(make_tcp_socket());
    ::connect(clients.back().get(), static_cast<const sockaddr*>(address.data()),
              static_cast<socklen_t>(address.size()));
    if (i % 64 == 0) co_await moment();  // they wait to be accepted
  }
}

Task<void> until_true(std::function<bool()> predicate) {
  while (!predicate()) co_await moment();
}

// OpenSSL's objects, a stream and its tasks: 11,700 bytes with OpenSSL 3.0.
constexpr std::size_t silent_handshake = 16 << 10;

TEST(TLSServer, bounds_the_memory_of_silent_clients_and_leaves_nothing_of_them) {
  rlimit most{};
  ::getrlimit(RLIMIT_NOFILE, &most);
  const DescriptorLimit limit((std::min)(most.rlim_max, rlim_t{24'000}));
  ::getrlimit(RLIMIT_NOFILE, &most);
  const std::size_t count =
      (std::min)(std::size_t{scaled(2'000)}, std::size_t{most.rlim_cur / 2 - 100});
  const std::set<NativeFd> open_before = open_numbers();
  SSLOptions hasty = server_options();
  hasty.handshake_timeout = 1ms;
  const auto play = [&]() -> Task<void> {
    for (const SSLOptions& options : {server_options(), hasty}) {
      TCPServer server(with_tls(SSLContext::for_server(options), echo_lines));
      server.listen(0, {.address = "127.0.0.1"});
      std::vector<UniqueFd> clients;
      clients.reserve(count);
      const std::size_t before = memory_in_use();
      co_await connect_silently(server, clients, count);
      if (options.handshake_timeout.get() > 1s) {
        co_await until_true([&] { return server.connections() == count; });
        const std::size_t grown = memory_in_use() - before;
        EXPECT_LE(grown / count, silent_handshake);
        clients.clear();
      }
      co_await until_true([&] {
        return std::ranges::all_of(
            clients, [](const UniqueFd& client) { return is_readable(client.get()); });
      });
      co_await server.drain();
      EXPECT_EQ(server.connections(), 0u);
    }
  };
  {
    IOLoop loop(
        LoopOptions{.poller = PollerKind::poll});  // select has no room for them
    loop.run_sync(play(), patience);
  }
  EXPECT_EQ(open_numbers(), open_before);
}

bool has_program(const std::string& name) {
  return std::system(("command -v " + name + " >/dev/null 2>&1").c_str()) == 0;
}

/// Programs that are not ours: each test passes over a program that is not there.
class TLSPeer : public testing::TestWithParam<TLSVersion> {
 protected:
  [[nodiscard]] static bool old() { return GetParam() == TLSVersion::tls1_2; }
  [[nodiscard]] static std::string flag() { return old() ? "-tls1_2" : "-tls1_3"; }

  void listen(const SSLOptions& options = server_options()) {
    server = std::make_unique<TCPServer>(
        with_tls(SSLContext::for_server(options), echo_one_line));
    server->listen(0, {.address = "127.0.0.1"});
    port = std::to_string(server->addresses().front().port());
  }
  /// The output of a program that gets `input`.
  std::string output_of(std::vector<std::string> args, const std::string& input) {
    SpawnOptions options;
    options.argv = std::move(args);
    options.in = Subprocess::STREAM;
    options.out = Subprocess::STREAM;
    options.err = Subprocess::STREAM;
    Subprocess program(options, loop);
    const Communicated done = program.communicate(input, {.timeout = patience});
    return done.out + done.err;
  }

  IOLoop loop;
  std::unique_ptr<TCPServer> server;
  std::string port;
};
INSTANTIATE_TEST_SUITE_P(, TLSPeer,
                         testing::Values(TLSVersion::tls1_2, TLSVersion::tls1_3),
                         [](const testing::TestParamInfo<TLSVersion>& test) {
                           return test.param == TLSVersion::tls1_2 ? "tls1_2"
                                                                   : "tls1_3";
                         });

TEST_P(TLSPeer, s_client_verifies_and_hears_the_server) {
  if (!has_program("openssl")) GTEST_SKIP() << "there is no openssl";
  listen();
  const std::string output = output_of(
      {"openssl", "s_client", "-connect", "127.0.0.1:" + port, "-CAfile",
       Certificates::of_process().authority(), "-verify_return_error",
       "-verify_hostname", "localhost", "-servername", "localhost", "-ign_eof", flag()},
      "hello\n");
  EXPECT_NE(output.find("echo hello"), std::string::npos) << output;
  EXPECT_NE(output.find("Verification: OK"), std::string::npos) << output;
  EXPECT_NE(output.find("Compression: NONE"), std::string::npos) << output;
}

TEST_P(TLSPeer, s_client_resumes_its_session) {
  if (!has_program("openssl")) GTEST_SKIP() << "there is no openssl";
  if (!old()) GTEST_SKIP() << "s_client reconnects before it has a ticket of TLS 1.3";
  listen();
  const std::string output = output_of(
      {"openssl", "s_client", "-connect", "127.0.0.1:" + port, "-reconnect", flag()},
      "hello\n");
  EXPECT_NE(output.find("Reused, TLSv1.2"), std::string::npos) << output;
}

TEST_P(TLSPeer, s_client_may_not_negotiate_again) {
  if (!has_program("openssl")) GTEST_SKIP() << "there is no openssl";
  if (!old()) GTEST_SKIP() << "TLS 1.3 has no renegotiation";
  listen();
  const std::string output = output_of(
      {"openssl", "s_client", "-connect", "127.0.0.1:" + port, flag()}, "R\n");
  EXPECT_NE(output.find("no renegotiation"), std::string::npos) << output;
}

TEST_P(TLSPeer, s_server_answers_a_client) {
  if (!has_program("openssl")) GTEST_SKIP() << "there is no openssl";
  const std::string file = Certificates::of_process().issue("localhost");
  SpawnOptions options;
  options.argv = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", file,
                  "-key",    file,       "-rev",    "-naccept",    "1",     flag()};
  options.in = Subprocess::STREAM;
  options.out = Subprocess::STREAM;
  Subprocess program(options, loop);
  constexpr auto talk = [](PipeIOStream& said) -> Task<void> {
    co_await said.read_until("ACCEPT 127.0.0.1:");
    const std::string number = co_await said.read_until("\n");
    IOStream plain(make_tcp_socket());
    co_await plain.connect(
        {"127.0.0.1", static_cast<std::uint16_t>(std::stoi(number))});
    SSLIOStream stream(std::move(plain), SSLContext::for_client(client_options()),
                       "localhost");
    stream.write("hello\n");
    EXPECT_EQ(co_await stream.read_until("\n"), "olleh\n");
    stream.write("CLOSE\n");  // s_server ends at it
    co_await stream.finish();
  };
  loop.run_sync(talk(*program.out()), patience);
  EXPECT_EQ(program.wait_for_exit(true, patience), 0);
}

// Prints the answer, and "whole" after the close_notify, which unwrap() waits for.
constexpr const char* python_client = R"(
import socket, ssl, sys
port, authority, old = int(sys.argv[1]), sys.argv[2], sys.argv[3] == 'old'
context = ssl.create_default_context(cafile=authority)
if old: context.maximum_version = ssl.TLSVersion.TLSv1_2
raw = socket.create_connection(('127.0.0.1', port))
tls = context.wrap_socket(raw, server_hostname='localhost', suppress_ragged_eofs=False)
tls.sendall(b'hello\n')
data = b''
while True:
    piece = tls.recv(100)
    if not piece: break
    data += piece
print(data.decode().strip(), tls.version(), 'whole')
tls.unwrap()
)";

TEST_P(TLSPeer, python_verifies_and_hears_the_server_to_the_end) {
  if (!has_program("python3")) GTEST_SKIP() << "there is no python3";
  listen();
  const std::string output =
      output_of({"python3", "-c", python_client, port,
                 Certificates::of_process().authority(), old() ? "old" : "new"},
                "");
  EXPECT_EQ(output,
            old() ? "echo hello TLSv1.2 whole\n" : "echo hello TLSv1.3 whole\n");
}

// A server that begins TLS after a plain line, and ends without a close_notify.
constexpr const char* python_server = R"(
import socket, ssl, sys
file, old = sys.argv[1], sys.argv[2] == 'old'
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(file)
if old: context.maximum_version = ssl.TLSVersion.TLSv1_2
listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
raw = listener.accept()[0]
assert raw.recv(9, socket.MSG_WAITALL) == b'STARTTLS\n'
raw.sendall(b'ready\n')
tls = context.wrap_socket(raw, server_side=True)
line = tls.recv(100)
tls.sendall(b'python ' + line)
tls.close()
)";

TEST_P(TLSPeer, python_serves_a_client_that_starts_tls) {
  if (!has_program("python3")) GTEST_SKIP() << "there is no python3";
  SpawnOptions options;
  options.argv = {"python3", "-c", python_server,
                  Certificates::of_process().issue("localhost"), old() ? "old" : "new"};
  options.out = Subprocess::STREAM;
  Subprocess program(options, loop);
  constexpr auto talk = [](PipeIOStream& said) -> Task<void> {
    const std::string number = co_await said.read_until("\n");
    IOStream plain(make_tcp_socket());
    co_await plain.connect(
        {"127.0.0.1", static_cast<std::uint16_t>(std::stoi(number))});
    plain.write("STARTTLS\n");
    EXPECT_EQ(co_await plain.read_until("\n"), "ready\n");
    SSLIOStream stream = co_await start_tls(
        std::move(plain), SSLContext::for_client(client_options()), "localhost");
    stream.write("hello\n");
    EXPECT_EQ(co_await stream.read_until("\n"), "python hello\n");
    std::error_code error;
    try {
      (void)co_await stream.read_until_close();
    } catch (const StreamClosedError& closed) {
      error = closed.real_error();
    }
    EXPECT_EQ(error, TLSErrc::truncated);
  };
  loop.run_sync(talk(*program.out()), patience);
  EXPECT_EQ(program.wait_for_exit(true, patience), 0);
}

}  // namespace
}  // namespace tornado::test
