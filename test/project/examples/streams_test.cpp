// SPDX-License-Identifier: Apache-2.0
// The examples of streams.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>

#include "client.h"
#include "program.h"
#include "support/loopback.h"
#include "support/wait.h"
#include "tornado/address.h"

namespace tornado::test {
namespace {

void send_text(NativeFd fd, const std::string& text) {
  EXPECT_TRUE(wait_until([&] { return is_writable(fd); }));
  EXPECT_EQ(::send(fd, text.data(), text.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(text.size()));
}

/// So many bytes, or fewer at the end.
std::string receive(NativeFd fd, std::size_t count) {
  std::string all;
  std::array<char, 4096> buffer;
  while (all.size() < count && becomes_readable(fd)) {
    const std::size_t most = std::min(count - all.size(), buffer.size());
    const ssize_t n = ::recv(fd, buffer.data(), most, 0);
    if (n <= 0) break;
    all.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return all;
}

UniqueFd accept_one(const UniqueFd& listener) {
  EXPECT_TRUE(becomes_readable(listener.get()));
  return accept_socket(listener.get());
}

void expect_end_by_signal(Program& program) {
  program.send(SIGINT);
  const Ending ending = program.wait();
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_EQ(ending.errors, "");
}

/// A client that says a line, and has heard it.
UniqueFd join_chat(std::uint16_t port, const std::string& line) {
  UniqueFd client = connect_to(port);
  send_text(client.get(), line);
  EXPECT_EQ(receive(client.get(), line.size()), line);
  return client;
}

TEST(Chat, gives_each_line_to_everybody) {
  Program chat("chat");
  const std::uint16_t port = port_of(chat);
  const UniqueFd first = join_chat(port, "alone\n");
  const UniqueFd second = join_chat(port, "hello\n");
  EXPECT_EQ(receive(first.get(), 6), "hello\n");
  expect_end_by_signal(chat);
}

TEST(Chat, puts_a_reader_out_that_does_not_read) {
  Program chat("chat");
  const std::uint16_t port = port_of(chat);
  const UniqueFd sleeper = join_chat(port, "here\n");
  const UniqueFd speaker = connect_to(port);
  std::string line(900, 'x');
  line.back() = '\n';
  // More than all buffers hold.
  constexpr std::size_t lines = 20000;
  for (std::size_t i = 0; i < lines; ++i) {
    send_text(speaker.get(), line);
    ASSERT_EQ(receive(speaker.get(), line.size()), line);
  }
  std::size_t heard = 0;
  std::array<char, 4096> buffer;
  ssize_t n = 1;
  while (becomes_readable(sleeper.get()) && n > 0) {
    n = ::recv(sleeper.get(), buffer.data(), buffer.size(), 0);
    if (n > 0) heard += static_cast<std::size_t>(n);
  }
  EXPECT_EQ(n, -1);
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_LT(heard, lines * line.size());
  expect_end_by_signal(chat);
}

/// A server, and a client that is connected to it through the proxy.
struct Proxied {
  Proxied()
      : proxy("proxy", invalid_fd, {},
              {"127.0.0.1", std::to_string(local_address(listener.get()).port())}),
        client(connect_to(port_of(proxy))),
        server(accept_one(listener)) {}
  UniqueFd listener = listen_on_loopback();
  Program proxy;
  UniqueFd client;
  UniqueFd server;
};

TEST(Proxy, carries_every_byte_and_each_end_by_itself) {
  Proxied both;
  send_text(both.client.get(), "question");
  ::shutdown(both.client.get(), SHUT_WR);
  EXPECT_EQ(receive(both.server.get(), 100), "question");  // up to the end
  send_text(both.server.get(), "answer after the end");
  EXPECT_EQ(receive(both.client.get(), 20), "answer after the end");
  both.server.reset();
  EXPECT_EQ(receive(both.client.get(), 1), "");
  expect_end_by_signal(both.proxy);
}

TEST(Proxy, ends_both_sides_of_a_connection_that_breaks) {
  Proxied both;
  send_text(both.client.get(), "x");
  EXPECT_EQ(receive(both.server.get(), 1), "x");
  const linger at_once{1, 0};  // a reset instead of an end
  ::setsockopt(both.client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  both.client.reset();
  EXPECT_EQ(receive(both.server.get(), 1), "");
  EXPECT_EQ(errno, ECONNRESET);
  expect_end_by_signal(both.proxy);
}

TEST(Control, answers_commands_until_it_is_told_to_stop) {
  Program program("control");
  const std::string line = program.line();
  const std::string before = "listening on ";
  ASSERT_TRUE(line.starts_with(before)) << line;
  const auto path = SocketAddress::local(line.substr(before.size()));
  const UniqueFd client = make_socket(AF_UNIX, SOCK_STREAM);
  ASSERT_EQ(::connect(client.get(), static_cast<const sockaddr*>(path.data()),
                      static_cast<socklen_t>(path.size())),
            0);
  const std::string expected = "2 workers\nok\n5 workers\nunknown command\nstopping\n";
  send_text(client.get(), "status\nworkers 5\nstatus\nworkers x\nstop\n");
  EXPECT_EQ(receive(client.get(), expected.size()), expected);
  EXPECT_EQ(program.wait().exit_status, 0);
}

TEST(PatientClient, asks_again_after_failures) {
  const Ending ending = Program("patient_client").wait();
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_EQ(ending.output, "the stream is closed\ntimed out\nyou asked: why?\n");
}

TEST(Curl, fetches_two_pages_on_the_loop) {
  if (!Program::exists("curl")) GTEST_SKIP() << "libcurl is not here";
  const Ending ending = Program("curl").wait();
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_EQ(ending.output, "/one /two\n");
  EXPECT_EQ(ending.errors, "");
}

/// A message of PostgreSQL's protocol.
std::string message(char type, const std::string& body) {
  const auto size = static_cast<char>(body.size() + 4);
  return std::string(1, type) + std::string(3, '\0') + size + body;
}

TEST(Postgres, gets_an_answer_without_blocking) {
  if (!Program::exists("postgres")) GTEST_SKIP() << "libpq is not here";
  using std::string_literals::operator""s;
  const UniqueFd listener = listen_on_loopback();
  Program program("postgres", invalid_fd, {},
                  {"host=127.0.0.1 user=u sslmode=disable gssencmode=disable port=" +
                   std::to_string(local_address(listener.get()).port())});
  const UniqueFd server = accept_one(listener);
  const auto length = static_cast<unsigned char>(receive(server.get(), 4).back());
  EXPECT_EQ(receive(server.get(), length - 4u).size(), length - 4u);
  const std::string ready = message('Z', "I");
  // In two pieces: the client has to wait for the second.
  send_text(server.get(), message('R', std::string(4, '\0')));
  send_text(server.get(), ready);
  EXPECT_EQ(receive(server.get(), 5 + 13), "Q\0\0\0\x11SELECT 6 * 7\0"s);
  send_text(
      server.get(),
      message('T', "\0\1?\0\0\0\0\0\0\0\0\0\0\x17\0\4"s + "\xff\xff\xff\xff\0\0"s) +
          message('D', "\0\1\0\0\0\2"s + "42") + message('C', "SELECT 1\0"s) + ready);
  const Ending ending = program.wait();
  EXPECT_EQ(ending.output, "42\n");
  EXPECT_EQ(ending.errors, "");
}

TEST(Postgres, tells_that_a_connection_was_refused) {
  if (!Program::exists("postgres")) GTEST_SKIP() << "libpq is not here";
  UniqueFd listener = listen_on_loopback();
  const std::string port = std::to_string(local_address(listener.get()).port());
  listener.reset();
  const Ending ending =
      Program("postgres", invalid_fd, {}, {"host=127.0.0.1 port=" + port}).wait();
  EXPECT_EQ(ending.exit_status, 1);
  EXPECT_NE(ending.errors.find("Connection refused"), std::string::npos)
      << ending.errors;
}

}  // namespace
}  // namespace tornado::test
