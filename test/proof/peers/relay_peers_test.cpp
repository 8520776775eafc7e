// SPDX-License-Identifier: Apache-2.0
// socat and ncat at the other end, whose half-closes and resets are options.
#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <utility>
#include <vector>

#include "dialogues.h"
#include "network.h"
#include "peer.h"
#include "tornado/netutil.h"

namespace tornado::test {
namespace {

std::string at(std::uint16_t port) {
  return "127.0.0.1:" + std::to_string(port);
}

/// Free in this network: nobody else is there.
constexpr std::uint16_t port = 7000;
constexpr std::uint16_t ncat_port = 7001;

/// Answers when all of the input is there.
Task<void> answer_at_the_end(IOStream stream, SocketAddress) {
  const std::string all = co_await stream.read_until_close();
  stream.write(all + "and an end");
  co_await stream.finish();
}

class SocatPeer : public WithPeers {
 protected:
  SocatPeer() : WithPeers({"socat"}) {}
};

class NcatPeer : public WithPeers {
 protected:
  NcatPeer() : WithPeers({"ncat"}) {}
};

/// Gives a client much input and its end, and expects it again with another end.
Task<void> expect_answer_at_the_end(std::vector<std::string> client,
                                    TCPServer& server) {
  Peer peer(std::move(client));
  const std::string bytes = noise(3 << 20);
  peer.in().write(bytes);
  co_await peer.in().flush();
  peer.close_in();
  const std::string answer = co_await peer.rest();
  EXPECT_TRUE(answer == bytes + "and an end") << answer.size();
  EXPECT_EQ(co_await peer.ended(), 0);
  co_await server.drain();
}

/// Talks with a server that sends everything back. socat blocks itself where its PIPE
/// takes less than a block: -b4096.
Task<void> expect_echo(std::vector<std::string> server, SocketAddress address) {
  Peer peer(std::move(server));
  IOStream stream = co_await dial(std::move(address));
  const std::string bytes = noise(3 << 20);
  const std::string back = co_await through(stream, bytes);
  EXPECT_TRUE(back == bytes);
  stream.write("last");
  co_await stream.shutdown_write();
  EXPECT_EQ(co_await stream.read_until_close(), "last");
  EXPECT_EQ(co_await peer.ended(), 0);
}

TEST_F(SocatPeer, gets_an_answer_after_the_end_of_its_input) {
  TCPServer server(answer_at_the_end, {.half_open = true});
  play([&]() -> Task<void> {
    const std::string to = "TCP:" + at(listen(server));
    co_await expect_answer_at_the_end(command("socat", "-t60", "STDIO", to), server);
  });
}

TEST_F(NcatPeer, gets_an_answer_after_the_end_of_its_input) {
  TCPServer server(answer_at_the_end, {.half_open = true});
  play([&]() -> Task<void> {
    const std::string to = std::to_string(listen(server));
    co_await expect_answer_at_the_end(command("ncat", "127.0.0.1", to), server);
  });
}

TEST_F(SocatPeer, sends_back_what_it_gets_until_our_end) {
  play([]() -> Task<void> {
    const std::string on =
        "TCP-LISTEN:" + std::to_string(port) + ",bind=127.0.0.1,reuseaddr";
    co_await expect_echo(command("socat", "-t60", "-b4096", on, "PIPE"),
                         SocketAddress("127.0.0.1", port));
  });
}

TEST_F(SocatPeer, talks_over_a_path_and_an_abstract_name) {
  const Folder folder;
  const std::string path = folder.file("socket");
  play([&]() -> Task<void> {
    co_await expect_echo(
        command("socat", "-t60", "-b4096", "UNIX-LISTEN:" + path, "PIPE"),
        SocketAddress::local(path));
    co_await expect_echo(
        command("socat", "-t60", "-b4096", "ABSTRACT-LISTEN:peer", "PIPE"),
        SocketAddress::local(std::string("\0peer", 5)));
  });
}

TEST_F(SocatPeer, reaches_our_server_at_a_path_and_an_abstract_name) {
  const Folder folder;
  const std::string path = folder.file("socket");
  play([&]() -> Task<void> {
    for (const bool abstract : {false, true}) {
      TCPServer server(answer_at_the_end, {.half_open = true});
      server.add_socket(bind_unix_socket(abstract ? std::string("\0ours", 5) : path));
      const std::string to =
          abstract ? "ABSTRACT-CONNECT:ours" : "UNIX-CONNECT:" + path;
      co_await expect_answer_at_the_end(command("socat", "-t60", "STDIO", to), server);
    }
  });
}

// By small pieces: it blocks itself where the program takes no more input.
TEST_F(NcatPeer, sends_back_what_it_gets_until_our_end) {
  if (find_program("cat").empty()) GTEST_SKIP() << "no program cat";
  play([]() -> Task<void> {
    Peer peer(command("ncat", "-l", "127.0.0.1", std::to_string(ncat_port), "-e",
                      find_program("cat")));
    IOStream stream = co_await dial(ncat_port);
    for (int i = 0; i < 1000; ++i) {
      const std::string bytes = noise(1000);
      const std::string back = co_await through(stream, bytes);
      EXPECT_TRUE(back == bytes) << i;
    }
    co_await stream.shutdown_write();
    EXPECT_EQ(co_await stream.read_until_close(), "");
  });
}

// It keeps its output open: the end is for our server to make.
TEST_F(NcatPeer, gets_all_from_a_server_that_ends_first) {
  TCPServer server([](IOStream stream, SocketAddress) -> Task<void> {
    const std::string line = co_await stream.read_until("\n");
    stream.write(line + noise(1 << 20));
    co_await stream.finish({.without_a_byte = 100ms});
  });
  play([&]() -> Task<void> {
    Peer peer(
        command("ncat", "--no-shutdown", "127.0.0.1", std::to_string(listen(server))));
    peer.in().write("line\n");
    co_await peer.in().flush();
    peer.close_in();
    EXPECT_EQ((co_await peer.rest()).size(), 5u + (1 << 20));
    EXPECT_EQ(co_await peer.ended(), 0);
    co_await server.drain();
  });
}

// A socket that is closed at once resets its connection, also as its process is killed.
TEST_F(SocatPeer, ends_or_resets_as_its_linger_time_says_when_it_is_killed) {
  std::string told;
  TCPServer server([&told](IOStream stream, SocketAddress) -> Task<void> {
    stream.write("go\n");
    told = co_await ending_of(stream);
  });
  play([&]() -> Task<void> {
    const std::string to = "TCP:" + at(listen(server));
    for (const bool reset : {false, true}) {
      Peer peer(command("socat", "STDIO", reset ? to + ",linger=0" : to));
      EXPECT_EQ(co_await peer.line(), "go");
      peer.send(SIGKILL);
      co_await until_true([&] { return server.connections() == 0; });
      EXPECT_EQ(told, reset ? "Connection reset by peer" : "end");
    }
  });
}

TEST_F(SocatPeer, gets_all_of_an_answer_that_the_end_of_its_input_overtakes) {
  TCPServer server([](IOStream stream, SocketAddress) -> Task<void> {
    for (int i = 0; i < 100; ++i) stream.write(std::string(100'000, 'x'));
    EXPECT_EQ(co_await stream.read_until_close(), "");
  });
  play([&]() -> Task<void> {
    Peer peer(command("socat", "-t60", "STDIO", "TCP:" + at(listen(server))));
    peer.close_in();
    const std::string answer = co_await peer.rest();
    EXPECT_EQ(answer.size(), 10'000'000u);
    EXPECT_EQ(co_await peer.ended(), 0);
    co_await server.drain();
  });
}

TEST_F(SocatPeer, is_stopped_and_our_writes_wait_for_it) {
  constexpr std::size_t pieces = 1000;
  const std::string piece = noise(100'000);
  std::size_t written = 0;
  TCPServer server([&](IOStream stream, SocketAddress) -> Task<void> {
    for (; written < pieces; ++written) co_await stream.write(piece);
    co_await stream.finish();
  });
  play([&]() -> Task<void> {
    Peer peer(command("socat", "-u", "TCP:" + at(listen(server)), "STDOUT"));
    EXPECT_EQ((co_await peer.out().read_bytes(1000)).size(), 1000u);
    peer.send(SIGSTOP);
    std::size_t before = pieces;  // until a moment without a write
    while (std::exchange(before, written) != written) co_await sleep(20ms);
    EXPECT_LT(written, pieces);
    peer.send(SIGCONT);
    EXPECT_EQ((co_await peer.rest()).size(), pieces * piece.size() - 1000);
    co_await server.drain();
  });
}

TEST_F(SocatPeer, is_killed_and_leaves_our_stream_with_an_end) {
  play([]() -> Task<void> {
    const std::string on =
        "TCP-LISTEN:" + std::to_string(port) + ",bind=127.0.0.1,reuseaddr";
    Peer peer(command("socat", on, "PIPE"));
    IOStream stream = co_await dial(port);
    EXPECT_EQ(co_await through(stream, "there"), "there");
    peer.send(SIGKILL);
    EXPECT_EQ(co_await ending_of(stream), "end");
  });
}

}  // namespace
}  // namespace tornado::test
