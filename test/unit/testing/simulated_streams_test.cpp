// SPDX-License-Identifier: Apache-2.0
// Streams in random networks: what arrives is what was sent, up to an end or an error
// that is told once.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "simulated_net.h"
#include "support/scale.h"
#include "tornado/task_group.h"

namespace tornado::test {
namespace {

constexpr Delay longest = std::chrono::hours(1);  // longer than TCP sends again

/// What one side has sent and got, and how it ended.
struct Side {
  std::string sent;
  bool all_sent = false;
  std::string got;
  std::string end;  // "closed", or an error
};

/// Lines of any length.
std::string random_text(Random& random, std::size_t size) {
  std::string text(size, ' ');
  for (char& c : text) {
    c = random.one_in(100) ? '\n' : static_cast<char>('a' + random.below(26));
  }
  return text;
}

Task<void> write_text(IOStream& stream, Side& side, Random& random) {
  const std::string text = random_text(random, random.below(std::size_t{300'000}));
  std::size_t at = 0;
  try {
    while (at < text.size()) {
      const std::size_t most = random.one_in(4) ? 100'000 : 1000;
      const std::string piece = text.substr(at, 1 + random.below(most));
      const auto sent = stream.write(piece);
      side.sent += piece;
      at += piece.size();
      if (random.one_in(8)) co_await sleep(std::chrono::milliseconds(random.below(50)));
    }
    co_await stream.flush(longest);
    side.all_sent = true;
    co_await stream.shutdown_write();
  } catch (const StreamClosedError&) {
  } catch (const std::system_error&) {
  }
}

/// One read of some kind. "" for a read that has timed out.
Task<std::string> read_once(IOStream& stream, Random& random) {
  const std::size_t count = 1 + random.below(std::size_t{5000});
  const bool short_time = random.one_in(4);
  const Delay limit = short_time ? Delay(std::chrono::milliseconds(5)) : longest;
  try {
    switch (random.below(4)) {
      case 0:
        co_return co_await stream.read_some(count, limit);
      case 1:
        co_return co_await stream.read_until("\n", {.timeout = limit});
      case 2:
        co_return co_await stream.read_bytes(count, limit);
      default: {
        std::string room(count, '\0');
        co_await stream.read_into(room, limit);
        co_return room;
      }
    }
  } catch (const std::system_error& error) {
    if (error.code() != Errc::timed_out || !short_time) throw;
  }
  co_return std::string();
}

Task<void> read_text(IOStream& stream, Side& side, Random& random) {
  try {
    for (;;) side.got += co_await read_once(stream, random);
  } catch (const StreamClosedError& error) {
    side.end = error.real_error() ? error.real_error().message() : "closed";
  } catch (const std::system_error& error) {
    side.end = error.what();
  }
  // The rest of a read that could not end.
  try {
    for (;;) side.got += co_await stream.read_some(1 << 16, longest);
  } catch (const StreamClosedError&) {
  } catch (const std::system_error&) {
  }
}

Task<void> talk(IOStream& stream, Side& side, Random& random) {
  TaskGroup both;
  both.start(write_text(stream, side, random));
  both.start(read_text(stream, side, random));
  co_await both.join();
}

SimulatedHost random_host(Random& random) {
  const auto chance = [&](double most) {
    return random.one_in(2) ? 0.0 : most * random.below(100) / 100;
  };
  return {.latency = std::chrono::microseconds(random.below(50'000)),
          .jitter = std::chrono::microseconds(random.below(20'000)),
          .bandwidth =
              random.one_in(2) ? 0 : 10'000 + random.below(std::uint64_t{1'000'000}),
          .loss = chance(0.3),
          .resets = chance(0.01),
          .short_moves = random.one_in(2),
          .buffer = 1 + random.below(std::size_t{100'000})};
}

void set_chance_events(SimulatedNet& net, Random& random) {
  if (random.one_in(4)) {
    const std::chrono::milliseconds from(random.below(3000));
    const std::chrono::milliseconds length(random.below(100'000));
    net.loop.call_later(from, [&net] { net.network.partition({"10.0.0.2"}); });
    net.loop.call_later(from + length, [&net] { net.network.heal(); });
  }
  if (random.one_in(10)) {
    const std::chrono::milliseconds when(random.below(5000));
    net.loop.call_later(when, [&net] { (void)net.network.reset("10.0.0.2"); });
  }
}

bool is_prefix(const std::string& part, const std::string& whole) {
  return whole.compare(0, part.size(), part) == 0;
}

void expect_whole(const Side& from, const Side& to) {
  EXPECT_TRUE(is_prefix(to.got, from.sent));
  EXPECT_FALSE(to.end.empty());
  if (to.end != "closed") return;
  EXPECT_TRUE(from.all_sent);
  EXPECT_EQ(to.got.size(), from.sent.size());
}

/// A conversation of a client and a server. Both sides read and write at once.
class Conversation {
 public:
  explicit Conversation(std::uint64_t seed) : net_(seed), random_(seed) {
    net_.network.set_host("10.0.0.2", random_host(random_));
    net_.network.set_host("10.0.0.1", random_host(random_));
    set_chance_events(net_, random_);
  }

  void run() {
    net_.play([this]() -> Task<void> { co_await converse(); });
    if (!connected_) return;
    expect_whole(client_, server_);
    expect_whole(server_, client_);
  }

  [[nodiscard]] const Side& client() const { return client_; }
  [[nodiscard]] const std::vector<std::string>& trace() const { return net_.trace; }

 private:
  Task<void> converse() {
    const StreamOptions options{.write_room = 1000, .half_open = true};
    TCPServer server(
        [this](IOStream stream, SocketAddress) -> Task<void> {
          connected_ = true;
          co_await talk(stream, server_, random_);
        },
        options);
    server.listen(80, {.address = "10.0.0.2"});
    TCPClient tcp;
    try {
      IOStream stream = co_await tcp.connect("10.0.0.2", 80, {.stream = options});
      co_await talk(stream, client_, random_);
    } catch (const ConnectError&) {
    }
    co_await server.drain();
  }

  SimulatedNet net_;
  Random random_;
  Side client_;
  Side server_;
  bool connected_ = false;
};

class SimulatedStreams : public SimulatedNetTest {
 protected:
  SimulatedStreams() { net.reset(); }
};

TEST_F(SimulatedStreams, lose_no_byte_and_tell_each_end_in_random_networks) {
  const std::uint64_t first = test_seed();
  std::size_t whole = 0;
  const std::uint64_t rounds = scaled(100);
  for (std::uint64_t i = 0; i < rounds && !HasFailure(); ++i) {
    SCOPED_TRACE("TORNADO_TEST_SEED=" + std::to_string(first + i));
    Conversation conversation(first + i);
    conversation.run();
    whole += conversation.client().end == "closed" ? 1 : 0;
  }
  EXPECT_GT(whole, rounds / 10);
}

TEST_F(SimulatedStreams, repeat_each_conversation_exactly) {
  const std::uint64_t first = test_seed();
  for (std::uint64_t i = 0; i < scaled(30) && !HasFailure(); ++i) {
    SCOPED_TRACE("TORNADO_TEST_SEED=" + std::to_string(first + i));
    std::vector<std::string> traces[2];
    for (auto& trace : traces) {
      Conversation conversation(first + i);
      conversation.run();
      trace = conversation.trace();
    }
    EXPECT_EQ(traces[0], traces[1]);
  }
}

}  // namespace
}  // namespace tornado::test
