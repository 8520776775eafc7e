// SPDX-License-Identifier: Apache-2.0
// The streams of Python, asyncio's and Tornado's, at the other end: the same dialogues
// in both roles.
#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "dialogues.h"
#include "network.h"
#include "peer.h"

namespace tornado::test {
namespace {

constexpr char python[] = "/usr/bin/python3";

class PythonPeers : public WithPeers, public testing::WithParamInterface<const char*> {
 protected:
  PythonPeers() : WithPeers({}) {}
  void SetUp() override {
    WithPeers::SetUp();
    if (IsSkipped()) return;
    const std::string module = GetParam();
    if (!run_program(
            {"sh", "-c", std::string(python) + " -c 'import " + module + "' 2>&-"})) {
      GTEST_SKIP() << "no module " << module << " of " << python;
    }
  }

  std::vector<std::string> server(const std::string& dialogue) {
    return {"env", python, PYTHON_PEER, GetParam(), "serve", dialogue};
  }
  std::vector<std::string> client(const std::string& dialogue, std::uint16_t port) {
    return {"env",     python,   PYTHON_PEER,         GetParam(),
            "connect", dialogue, std::to_string(port)};
  }
};
INSTANTIATE_TEST_SUITE_P(, PythonPeers, testing::Values("asyncio", "tornado"),
                         [](const auto& one) { return std::string(one.param); });

TEST_P(PythonPeers, get_every_byte_back_from_our_server) {
  TCPServer server(echo);
  play([&, this]() -> Task<void> {
    Peer peer(client("check_echo", listen(server)));
    EXPECT_EQ(co_await peer.line(), "same");
    EXPECT_EQ(co_await peer.ended(), 0);
    co_await server.drain();
  });
}

TEST_P(PythonPeers, give_every_byte_back_to_our_client) {
  play([this]() -> Task<void> {
    Peer peer(server("echo"));
    IOStream stream = co_await dial(co_await peer.port());
    const std::string bytes = noise(1 << 20);
    EXPECT_EQ(co_await through(stream, bytes), bytes);
    co_await stream.shutdown_write();
    EXPECT_EQ(co_await stream.read_until_close(), "");
  });
}

TEST_P(PythonPeers, get_an_answer_to_each_line_from_our_server) {
  TCPServer server(capitals);
  play([&, this]() -> Task<void> {
    Peer peer(client("check_capitals", listen(server)));
    EXPECT_EQ(co_await peer.line(), "same");
    co_await server.drain();
  });
}

TEST_P(PythonPeers, answer_each_line_of_our_client) {
  play([this]() -> Task<void> {
    Peer peer(server("capitals"));
    IOStream stream = co_await dial(co_await peer.port());
    for (int i = 0; i < 2000; ++i) stream.write("line " + std::to_string(i) + "\n");
    for (int i = 0; i < 2000; ++i) {
      const std::string answer = co_await stream.read_until("\n");
      EXPECT_EQ(answer, "LINE " + std::to_string(i) + "\n");
    }
  });
}

// Our end reads all, and then tells how it ended.
TEST_P(PythonPeers, end_and_reset_are_told_apart_by_our_client) {
  play([this]() -> Task<void> {
    for (const std::string how : {"end", "reset"}) {
      Peer peer(server(how));
      IOStream stream = co_await dial(co_await peer.port());
      stream.write("go\n");
      const std::string told = co_await ending_of(stream);
      EXPECT_EQ(told, how == "end" ? "end" : "Connection reset by peer");
    }
  });
}

TEST_P(PythonPeers, end_and_reset_are_told_apart_by_our_server) {
  std::string told;
  TCPServer server([&told](IOStream stream, SocketAddress) -> Task<void> {
    stream.write("go\n");
    told = co_await ending_of(stream);
  });
  play([&, this]() -> Task<void> {
    const std::uint16_t port = listen(server);
    for (const std::string how : {"end", "reset"}) {
      Peer peer(client(how, port));
      EXPECT_EQ(co_await peer.ended(), 0);
      co_await until_true([&] { return server.connections() == 0; });
      EXPECT_EQ(told, how == "end" ? "end" : "Connection reset by peer");
    }
  });
}

TEST_P(PythonPeers, tell_our_end_and_our_reset_apart) {
  play([this]() -> Task<void> {
    for (const bool reset : {false, true}) {
      Peer peer(server("watch"));
      IOStream stream = co_await dial(co_await peer.port());
      EXPECT_EQ(co_await stream.read_until("\n"), "ready\n");
      stream.write(noise(1000));
      if (reset) reset_at_close(stream);
      stream.close();
      const std::string told = co_await peer.line();
      // A reset may overtake what the peer has not read.
      EXPECT_EQ(reset ? told.substr(0, 6) : told, reset ? "reset " : "end 1000");
    }
  });
}

TEST_P(PythonPeers, send_numbered_lines_in_order_until_they_are_killed) {
  play([this]() -> Task<void> {
    Peer peer(server("flood"));
    IOStream stream = co_await dial(co_await peer.port());
    int number = 0;
    std::string ending;
    try {
      for (;; ++number) {
        const std::string line = co_await stream.read_until("\n");
        if (std::stoi(line) != number) break;
        if (number == 50'000) peer.send(SIGKILL);
      }
    } catch (const StreamClosedError& closed) {
      ending = closed.real_error() ? closed.real_error().message() : "end";
    }
    EXPECT_GE(number, 50'000);
    EXPECT_EQ(ending, "end");
    EXPECT_EQ(co_await peer.ended(), -SIGKILL);
  });
}

TEST_P(PythonPeers, may_be_killed_while_our_server_sends) {
  std::string told;
  TCPServer server([&told](IOStream stream, SocketAddress) -> Task<void> {
    try {
      for (;;) co_await stream.write(std::string(1 << 16, 'x'));
    } catch (const StreamClosedError& closed) {
      told = closed.real_error().message();
    }
  });
  play([&, this]() -> Task<void> {
    Peer peer(client("watch", listen(server)));
    co_await until_true([&] { return server.connections() > 0; });
    peer.send(SIGKILL);
    EXPECT_EQ(co_await peer.ended(), -SIGKILL);
    co_await server.drain();
    EXPECT_TRUE(told == "Connection reset by peer" || told == "Broken pipe") << told;
  });
}

TEST_P(PythonPeers, get_an_answer_after_the_end_of_their_input) {
  TCPServer server(
      [](IOStream stream, SocketAddress) -> Task<void> {
        const std::string all = co_await stream.read_until_close();
        stream.write(all);
        stream.write("and an end");
        co_await stream.finish();
      },
      {.half_open = true});
  play([&, this]() -> Task<void> {
    Peer peer(client("upload", listen(server)));
    EXPECT_EQ(co_await peer.line(), std::to_string((8 << 20) + 10));
    co_await server.drain();
  });
}

TEST_P(PythonPeers, get_the_whole_answer_while_they_still_send) {
  TCPServer server([](IOStream stream, SocketAddress) -> Task<void> {
    (void)co_await stream.read_bytes(1000);
    stream.write(noise(2 << 20));
    co_await stream.finish();
  });
  play([&, this]() -> Task<void> {
    Peer peer(client("interrupted", listen(server)));
    EXPECT_EQ(co_await peer.line(), std::to_string(2 << 20));
    co_await server.drain();
  });
}

}  // namespace
}  // namespace tornado::test
