// SPDX-License-Identifier: Apache-2.0
// TCPClient's race to the addresses of a name, beside a model of RFC 8305: when each
// attempt begins, which wins, and when the others are closed, to the nanosecond.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "simulated_net.h"
#include "support/scale.h"
#include "tornado/netutil.h"

namespace tornado::test {
namespace {

constexpr nanoseconds attempt_delay = 250ms;
constexpr std::uint16_t port = 443;

/// An address of the name, and what an attempt to connect to it comes to.
struct Way {
  enum class End { connects, is_refused, is_silent };
  std::string ip;
  End end = End::connects;
  nanoseconds takes{};  // to the end of an attempt
};

/// What the model or the network says of one race. Times are from the lookup's end.
struct Course {
  std::vector<std::pair<std::string, nanoseconds>> starts;
  std::string winner;  // or "", and then all have failed
  nanoseconds end{};
  bool operator==(const Course&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Course& course) {
  for (const auto& [ip, time] : course.starts)
    out << ip << " at " << time.count() << ", ";
  return out << "winner " << course.winner << " at " << course.end.count();
}

bool is_v6(const Way& way) {
  return way.ip.find(':') != way.ip.npos;
}

/// The families in turn, from the first on.
std::vector<Way> alternating(const std::vector<Way>& ways) {
  std::vector<Way> rest = ways;
  std::vector<Way> result;
  bool v6 = is_v6(ways.front());
  while (!rest.empty()) {
    auto next = std::ranges::find(rest, v6, is_v6);
    if (next == rest.end()) next = rest.begin();
    result.push_back(*next);
    rest.erase(next);
    v6 = !v6;
  }
  return result;
}

nanoseconds end_of(const Way& way) {
  return way.end == Way::End::is_silent ? nanoseconds(127s) : way.takes;
}

/// An attempt begins 250 ms after the one before it, or when any attempt fails in that
/// time. None begins after one has connected.
Course model_of(const std::vector<Way>& ways) {
  const std::vector<Way> order = alternating(ways);
  Course course;
  nanoseconds start{};
  std::optional<nanoseconds> first;
  std::vector<nanoseconds> failures;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (first && *first <= start) break;
    course.starts.emplace_back(order[i].ip, start);
    const nanoseconds end = start + end_of(order[i]);
    if (order[i].end != Way::End::connects) {
      failures.push_back(end);
    } else if (!first || end < *first) {
      first = end;
      course.winner = order[i].ip;
    }
    nanoseconds next = start + attempt_delay;
    for (const nanoseconds failure : failures) {
      if (failure > start) next = std::min(next, failure);
    }
    start = next;
  }
  course.end = first ? *first : *std::ranges::max_element(failures);
  return course;
}

std::vector<Way> random_ways(Random& random) {
  std::vector<Way> ways(1 + random.below(std::size_t{6}));
  for (std::size_t i = 0; i < ways.size(); ++i) {
    Way& way = ways[i];
    way.ip = (random.one_in(2) ? "10.1.0." : "fd01::") + std::to_string(i + 1);
    const auto kind = random.below(10);
    way.end = kind < 5   ? Way::End::connects
              : kind < 8 ? Way::End::is_refused
                         : Way::End::is_silent;
    // Even, since it is twice the latency; and rarely equal to another.
    way.takes = 2 * nanoseconds(random.below(std::int64_t{400'000'000}));
  }
  return ways;
}

class ConnectRaces : public SimulatedNetTest {
 protected:
  ConnectRaces() {
    net->network.set_observer([this](const NetworkEvent& event) { note(event); });
    for (UniqueFd& listener : bind_sockets(port)) {
      acceptors.emplace_back(net->loop, listener.get(), [](UniqueFd, SocketAddress) {});
      listeners.push_back(std::move(listener));
    }
  }
  ~ConnectRaces() override {
    acceptors.clear();
    listeners.clear();
  }

  void note(const NetworkEvent& event) {
    const nanoseconds time = event.time - began;
    if (event.kind == NetworkEvent::Kind::connecting) {
      seen.starts.emplace_back(event.to.ip(), time);
    } else if (event.kind == NetworkEvent::Kind::closed && event.from.port() != port) {
      closed.push_back(time);
    }
  }

  void set(const std::vector<Way>& ways) {
    std::vector<std::string> ips;
    for (const Way& way : ways) {
      net->network.set_host(way.ip, {.latency = way.takes / 2,
                                     .loss = way.end == Way::End::is_silent ? 1.0 : 0.0,
                                     .refuses = way.end == Way::End::is_refused});
      ips.push_back(way.ip);
    }
    net->network.set_name("server.example", ips);
  }

  Course race(const std::vector<Way>& ways) {
    set(ways);
    seen = {};
    closed.clear();
    began = net->simulation.now();
    net->play([this]() -> Task<void> {
      TCPClient client;
      try {
        const IOStream stream = co_await client.connect("server.example", port);
        seen.winner = remote_address(stream.fileno()).ip();
        open_in_race = net->network.sockets();
      } catch (const ConnectError& error) {
        seen.winner.clear();
        EXPECT_EQ(error.attempts().size(), seen.starts.size());
      }
      seen.end = net->loop.time() - began;
    });
    return seen;
  }

  std::vector<UniqueFd> listeners;
  std::vector<Acceptor> acceptors;
  TimePoint began;
  Course seen;
  std::vector<nanoseconds> closed;  // the client's sockets
  std::size_t open_in_race = 0;
};

TEST_F(ConnectRaces, begin_the_next_attempt_after_250_ms_or_a_failure) {
  const Course course = race({{"fd01::1", Way::End::is_silent, {}},
                              {"10.1.0.2", Way::End::is_refused, 100ms},
                              {"fd01::3", Way::End::connects, 400ms},
                              {"10.1.0.4", Way::End::connects, 10ms}});
  EXPECT_EQ(course.starts,
            (std::vector<std::pair<std::string, nanoseconds>>{{"fd01::1", 0ms},
                                                              {"10.1.0.2", 250ms},
                                                              {"fd01::3", 350ms},
                                                              {"10.1.0.4", 600ms}}));
  EXPECT_EQ(course.winner, "10.1.0.4");
  EXPECT_EQ(course.end, 610ms);
}

TEST_F(ConnectRaces, alternate_the_families_from_the_first_on) {
  EXPECT_EQ(
      race({{"10.1.0.1", Way::End::is_refused, 2ns},
            {"10.1.0.2", Way::End::is_refused, 2ns},
            {"10.1.0.3", Way::End::is_refused, 2ns},
            {"fd01::4", Way::End::is_refused, 2ns}})
          .starts,
      (std::vector<std::pair<std::string, nanoseconds>>{
          {"10.1.0.1", 0ns}, {"fd01::4", 2ns}, {"10.1.0.2", 4ns}, {"10.1.0.3", 6ns}}));
}

// 10^4 networks, and 10^5 at TORNADO_TEST_SCALE=10.
TEST_F(ConnectRaces, take_the_course_of_the_model_in_random_networks) {
  const std::uint64_t seed = test_seed();
  Random random(seed);
  const std::uint64_t rounds = scaled(10'000);
  for (std::uint64_t i = 0; i < rounds && !HasFailure(); ++i) {
    const std::vector<Way> ways = random_ways(random);
    const Course course = race(ways);
    EXPECT_EQ(course, model_of(ways)) << "network " << i;
    // The losers end with the race, and the winner with its stream.
    EXPECT_EQ(closed.size(), course.starts.size());
    if (course.winner.empty()) continue;
    EXPECT_EQ(std::ranges::count(closed, course.end),
              std::ranges::count_if(
                  closed, [&](nanoseconds one) { return one >= course.end; }));
    EXPECT_EQ(open_in_race, listeners.size() + 1);
    const std::vector<Way> order = alternating(ways);
    for (std::size_t place = 0; place < order.size(); ++place) {
      if (order[place].end != Way::End::connects) continue;
      EXPECT_LE(course.end,
                order[place].takes + attempt_delay * static_cast<std::int64_t>(place));
    }
  }
}

}  // namespace
}  // namespace tornado::test
