// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "client.h"
#include "program.h"
#include "support/wait.h"
#include "tornado/address.h"
#include "tornado/fd.h"

namespace tornado::test {
namespace {

/// Sends `text` while it reads what comes back, until that is as long.
std::string echo(NativeFd client, const std::string& text) {
  std::string echoed;
  std::size_t sent = 0;
  std::array<char, 4096> buffer;
  while (echoed.size() < text.size()) {
    if (sent < text.size() && is_writable(client)) {
      const ssize_t n =
          ::send(client, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (n > 0) sent += static_cast<std::size_t>(n);
    }
    if (!is_readable(client) && sent < text.size()) continue;
    if (!becomes_readable(client)) break;
    const ssize_t n = ::recv(client, buffer.data(), buffer.size(), 0);
    if (n <= 0) break;
    echoed.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return echoed;
}

TEST(UDPEcho, sends_each_datagram_back_and_hears_of_clients_that_are_gone) {
  Program server("udp_echo");
  const SocketAddress to("127.0.0.1", port_of(server));
  const auto* const name = static_cast<const sockaddr*>(to.data());
  const auto ask = [&](NativeFd client) {
    EXPECT_EQ(::sendto(client, "ping", 4, 0, name, static_cast<socklen_t>(to.size())),
              4);
  };
  const UniqueFd client = make_socket(AF_INET, SOCK_DGRAM);
  ask(client.get());
  EXPECT_TRUE(becomes_readable(client.get()));
  std::array<char, 8> answer;
  EXPECT_EQ(::recv(client.get(), answer.data(), answer.size(), 0), 4);
  // The server stops until the client is gone, so that its answer finds nobody.
  server.send(SIGSTOP);
  ask(make_socket(AF_INET, SOCK_DGRAM).get());
  server.send(SIGCONT);
  EXPECT_TRUE(server.line().ends_with(": Connection refused"));
  server.send(SIGINT);
  EXPECT_EQ(server.wait().exit_status, 0);
}

void expect_good_end(Program& server) {
  server.send(SIGINT);
  EXPECT_EQ(server.wait().exit_status, 0);
}

TEST(EchoServer, sends_each_client_its_own_lines_back) {
  Program server("echo_server");
  const std::uint16_t port = port_of(server);
  const UniqueFd one = connect_to(port);
  const UniqueFd two = connect_to(port);
  EXPECT_EQ(echo(one.get(), "one\ntwo\n"), "one\ntwo\n");
  EXPECT_EQ(echo(two.get(), "other\n"), "other\n");
  EXPECT_EQ(echo(one.get(), "again\n"), "again\n");
  expect_good_end(server);
}

/// Sends lines until nothing moves any more. The number of bytes, `limit` at most.
std::size_t send_lines_until_stuck(NativeFd client, std::size_t limit) {
  const std::string lines(16384, '\n');
  std::size_t sent = 0;
  const auto writable = [client] { return is_writable(client); };
  while (sent < limit && wait_until(writable, std::chrono::milliseconds(300))) {
    const ssize_t n = ::send(client, lines.data(), lines.size(), MSG_NOSIGNAL);
    if (n > 0) sent += static_cast<std::size_t>(n);
  }
  return sent;
}

TEST(EchoServer, does_not_read_more_while_its_answers_are_not_read) {
  constexpr std::size_t more_than_sockets_hold = 128 << 20;
  Program server("echo_server");
  const UniqueFd client = connect_to(port_of(server));
  const std::size_t sent = send_lines_until_stuck(client.get(), more_than_sockets_hold);
  EXPECT_LT(sent, more_than_sockets_hold);
  std::size_t echoed = 0;
  while (echoed < sent && becomes_readable(client.get())) echoed += drain(client.get());
  EXPECT_EQ(echoed, sent);
  expect_good_end(server);
}

TEST(EchoServer, outlives_clients_that_vanish) {
  Program server("echo_server");
  const std::uint16_t port = port_of(server);
  {
    const UniqueFd rude = connect_to(port);
    EXPECT_EQ(echo(rude.get(), "x\n"), "x\n");
    const linger at_once{1, 0};  // a reset instead of an end
    ::setsockopt(rude.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  const UniqueFd polite = connect_to(port);
  EXPECT_EQ(echo(polite.get(), "still there?\n"), "still there?\n");
  expect_good_end(server);
}

TEST(EchoServer, serves_on_after_it_was_out_of_descriptors) {
  constexpr rlim_t few = 24;
  constexpr std::size_t many = 40;
  Program server("echo_server", invalid_fd, [] {
    const rlimit limit{few, few};
    ::setrlimit(RLIMIT_NOFILE, &limit);
  });
  const std::uint16_t port = port_of(server);
  std::vector<UniqueFd> clients;
  for (std::size_t i = 0; i < many; ++i) clients.push_back(connect_to(port));
  const std::string complaint = server.error_line();
  EXPECT_TRUE(complaint.ends_with("; a client is closed, and accepting pauses"))
      << complaint;
  clients.clear();
  // One that comes while the server is still out of descriptors is closed, too.
  EXPECT_TRUE(wait_until([port] {
    const UniqueFd late = connect_to(port);
    return echo(late.get(), "me too\n") == "me too\n";
  }));
  expect_good_end(server);
}

}  // namespace
}  // namespace tornado::test
