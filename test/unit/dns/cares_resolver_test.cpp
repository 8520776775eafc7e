// SPDX-License-Identifier: Apache-2.0
#include "tornado/cares_resolver.h"

#include <gtest/gtest.h>
#include <netdb.h>
#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "name_server.h"
#include "support/child.h"
#include "support/limits.h"
#include "support/open_numbers.h"
#include "support/pollers.h"
#include "support/sanitizers.h"
#include "support/wait.h"
#include "tornado/gen.h"
#include "tornado/multi.h"
#include "tornado/platform.h"
#include "tornado/task_group.h"
#include "tornado/tcp_client.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;
using Addresses = Resolver::Addresses;
using Way = NameServer::Way;

constexpr auto ipv4 = NameServer::ipv4;
constexpr auto ipv6 = NameServer::ipv6;

/// On each poller. Names end with a dot, so that no search domain of this machine is
/// appended.
class CaresResolverTest : public testing::TestWithParam<PollerKind> {
 protected:
  CaresResolverTest() {
    server.put("four.test", ipv4, {"127.0.1.4"});
    server.put("six.test", ipv6, {"::1"});
    server.put("both.test", ipv4, {"127.0.1.1", "127.0.1.2"});
    server.put("both.test", ipv6, {"::1"});
    server.put("silent.test", ipv4, {}, Way::silence);
    server.put("silent.test", ipv6, {}, Way::silence);
  }

  [[nodiscard]] CaresOptions options() const { return {.servers = {server.address()}}; }

  template <class F>
  void play(F body) {
    constexpr auto run = [](F function) -> Task<void> { co_await function(); };
    loop.run_sync(run(std::move(body)), patience);
  }

  Task<std::vector<std::string>> ips(Resolver& from, std::string name,
                                     AddressFamily family = AddressFamily::any) {
    std::vector<std::string> all;
    const Addresses found = co_await from.resolve(std::move(name), 80, family);
    for (const SocketAddress& address : found) {
      EXPECT_EQ(address.port(), 80);
      all.push_back(address.ip());
    }
    co_return all;
  }

  Task<std::error_code> error_of(Resolver& from, std::string name) {
    try {
      (void)co_await from.resolve(std::move(name), 80);
    } catch (const std::system_error& error) {
      co_return error.code();
    }
    co_return std::error_code();
  }

  IOLoop loop{LoopOptions{.poller = GetParam()}};
  NameServer server{loop};
  CaresResolver resolver{loop, options()};
};
INSTANTIATE_TEST_SUITE_P(, CaresResolverTest, testing::ValuesIn(working_poller_kinds()),
                         name_of_poller);

template <class... Text>
std::vector<std::string> strings(Text... text) {
  return {text...};
}

std::error_code gai(int code) {
  return {code, resolver_category()};
}

TEST_P(CaresResolverTest, knows_the_addresses_of_both_families) {
  play([this]() -> Task<void> {
    EXPECT_EQ(co_await ips(resolver, "four.test."), strings("127.0.1.4"));
    EXPECT_EQ(co_await ips(resolver, "six.test."), strings("::1"));
    const auto both = co_await ips(resolver, "both.test.");
    EXPECT_EQ(std::set(both.begin(), both.end()),
              (std::set<std::string>{"127.0.1.1", "127.0.1.2", "::1"}));
    const auto one = co_await ips(resolver, "both.test.", AddressFamily::ipv6);
    EXPECT_EQ(one, strings("::1"));
  });
}

TEST_P(CaresResolverTest, puts_a_family_without_a_route_last) {
  server.put("nowhere.test", ipv4, {"127.0.1.1"});
  server.put("nowhere.test", ipv6, {"fe80::1"});  // of no interface
  play([this]() -> Task<void> {
    EXPECT_EQ(co_await ips(resolver, "nowhere.test."), strings("127.0.1.1", "fe80::1"));
  });
}

TEST_P(CaresResolverTest, asks_nobody_for_an_address_or_localhost) {
  play([this]() -> Task<void> {
    EXPECT_EQ(co_await ips(resolver, "192.0.2.1"), strings("192.0.2.1"));
    EXPECT_EQ(co_await ips(resolver, "localhost", AddressFamily::ipv4),
              strings("127.0.0.1"));
    EXPECT_EQ(server.asked(), 0);
  });
}

TEST_P(CaresResolverTest, tells_a_missing_name_from_a_failing_server) {
  server.put("failing.test", ipv4, {}, Way::failure);
  server.put("failing.test", ipv6, {}, Way::failure);
  server.put("empty.test", ipv4, {});
  play([this]() -> Task<void> {
    EXPECT_EQ(co_await error_of(resolver, "missing.test."), gai(EAI_NONAME));
    EXPECT_EQ(co_await error_of(resolver, "empty.test."), gai(EAI_NONAME));
    EXPECT_EQ(co_await error_of(resolver, "failing.test."), gai(EAI_AGAIN));
    EXPECT_EQ(co_await error_of(resolver, "a..name"), gai(EAI_NONAME));
  });
}

TEST_P(CaresResolverTest, gives_one_family_when_the_other_one_fails) {
  server.put("half.test", ipv4, {"127.0.1.1"});
  server.put("half.test", ipv6, {}, Way::failure);
  play([this]() -> Task<void> {
    EXPECT_EQ(co_await ips(resolver, "half.test."), strings("127.0.1.1"));
  });
}

TEST_P(CaresResolverTest, waits_for_a_silent_family_for_the_resolution_delay_only) {
  server.put("half.test", ipv4, {"127.0.1.1"});
  server.put("half.test", ipv6, {}, Way::silence);
  play([this]() -> Task<void> {
    const TimePoint begin = loop.time();
    EXPECT_EQ(co_await ips(resolver, "half.test."), strings("127.0.1.1"));
    EXPECT_GE(loop.time() - begin, 50ms);
  });
}

TEST_P(CaresResolverTest, waits_for_a_slow_family_within_the_resolution_delay) {
  server.put("slow.test", ipv4, {"127.0.1.1"});
  server.put("slow.test", ipv6, {"::1"}, Way::on_signal);
  CaresOptions patient = options();
  patient.resolution_delay = patience;
  CaresResolver waiting(loop, patient);
  play([&, this]() -> Task<void> {
    TaskGroup group;
    std::size_t count = 0;
    group.start([&, this]() -> Task<void> {
      count = (co_await ips(waiting, "slow.test.")).size();
    });
    // The one that is known has been answered by then.
    co_await server.wait_for(2);
    EXPECT_EQ((co_await ips(resolver, "four.test.")).size(), 1u);
    EXPECT_EQ(count, 0u);
    server.go();
    co_await group.join();
    EXPECT_EQ(count, 2u);
  });
}

TEST_P(CaresResolverTest, asks_for_a_name_once_however_many_tasks_wait) {
  play([this]() -> Task<void> {
    std::vector<Task<std::vector<std::string>>> all;
    for (int i = 0; i < 20; ++i) all.push_back(ips(resolver, "both.test."));
    for (const auto& found : co_await multi(std::move(all))) {
      EXPECT_EQ(found.size(), 3u);
    }
    EXPECT_EQ(server.asked("both.test", ipv4), 1);
    EXPECT_EQ(server.asked("both.test", ipv6), 1);
    EXPECT_EQ((co_await ips(resolver, "both.test.")).size(), 3u);
    EXPECT_EQ(server.asked("both.test", ipv4), 2);
  });
}

TEST_P(CaresResolverTest, takes_an_answer_that_is_cut_by_tcp) {
  std::vector<std::string> many;
  for (int i = 1; i <= 200; ++i) many.push_back("127.0.2." + std::to_string(i));
  server.put("many.test", ipv4, many, Way::cut);
  play([this]() -> Task<void> {
    EXPECT_EQ((co_await ips(resolver, "many.test.", AddressFamily::ipv4)).size(), 200u);
  });
}

TEST_P(CaresResolverTest, keeps_no_socket_once_nobody_waits) {
  play([this]() -> Task<void> {
    co_await ips(resolver, "both.test.");
    const std::set<NativeFd> before = open_numbers();
    for (int i = 0; i < 3; ++i) {
      const int asked = server.asked();
      TaskGroup group;
      group.start([this]() -> Task<void> { co_await ips(resolver, "silent.test."); });
      co_await server.wait_for(asked + 2);
      EXPECT_GT(open_numbers().size(), before.size());
      group.cancel();
      co_await group.join();
      EXPECT_EQ(open_numbers(), before);
      EXPECT_EQ((co_await ips(resolver, "both.test.")).size(), 3u);
      co_await moment();
      EXPECT_EQ(open_numbers(), before);
    }
  });
}

TEST_P(CaresResolverTest, opens_sockets_that_no_child_inherits) {
  play([this]() -> Task<void> {
    const std::set<NativeFd> before = open_numbers();
    TaskGroup group;
    group.start([this]() -> Task<void> { co_await ips(resolver, "silent.test."); });
    co_await server.wait_for(2);
    for (const NativeFd fd : open_numbers()) {
      if (before.contains(fd)) continue;
      EXPECT_TRUE(is_close_exec(fd)) << fd;
      EXPECT_TRUE(is_nonblocking(fd)) << fd;
    }
    group.cancel();
    co_await group.join();
  });
}

TEST_P(CaresResolverTest, refuses_more_names_than_may_wait) {
  CaresOptions few = options();
  few.most_waiting = 2;
  CaresResolver bounded(loop, few);
  server.put("quiet.test", ipv4, {}, Way::silence);
  server.put("quiet.test", ipv6, {}, Way::silence);
  play([&, this]() -> Task<void> {
    TaskGroup group;
    for (const char* name : {"silent.test.", "quiet.test.", "quiet.test."}) {
      group.start([&, this, name]() -> Task<void> { co_await ips(bounded, name); });
    }
    co_await server.wait_for(4);
    const std::error_code error = co_await error_of(bounded, "four.test.");
    EXPECT_EQ(error, std::errc::resource_unavailable_try_again);
    group.cancel();
    co_await group.join();
    EXPECT_EQ((co_await ips(bounded, "four.test.")).size(), 1u);
  });
}

TEST_P(CaresResolverTest, may_be_destroyed_while_a_task_waits) {
  server.put("slow.test", ipv4, {"127.0.1.1"}, Way::on_signal);
  play([this]() -> Task<void> {
    auto own = std::make_unique<CaresResolver>(loop, options());
    TaskGroup group;
    std::vector<std::string> found;
    group.start(
        [&, this]() -> Task<void> { found = co_await ips(*own, "slow.test."); });
    co_await server.wait_for(2);
    own.reset();
    server.go();
    co_await group.join();
    EXPECT_EQ(found, strings("127.0.1.1"));
  });
}

TEST_P(CaresResolverTest, leaves_nothing_to_a_loop_that_closes) {
  const std::set<NativeFd> before = open_numbers();
  {
    IOLoop own{LoopOptions{.poller = GetParam(), .make_current = false}};
    NameServer silent(own);
    silent.put("silent.test", ipv4, {}, Way::silence);
    silent.put("silent.test", ipv6, {}, Way::silence);
    CaresResolver asks(own, {.servers = {silent.address()}});
    own.spawn_callback([&]() -> Task<void> { co_await ips(asks, "silent.test."); });
    const auto wait = [&]() -> Task<void> { co_await silent.wait_for(2); };
    own.run_sync(wait, patience);
    own.close();
  }
  EXPECT_EQ(open_numbers(), before);
}

TEST_P(CaresResolverTest, is_for_the_thread_of_its_loop) {
  play([this]() -> Task<void> {
    std::error_code error;
    Thread([&] {  // while the loop runs
      IOLoop own;
      const auto ask = [&]() -> Task<void> {
        error = co_await error_of(resolver, "a.test.");
      };
      own.run_sync(ask, patience);
    })
        .join();
    EXPECT_EQ(error, Errc::wrong_thread);
    co_return;
  });
}

TEST_P(CaresResolverTest, connects_a_client_by_name) {
  TCPServer echo([](IOStream stream, SocketAddress) -> Task<void> {
    for (;;) co_await stream.write(co_await stream.read_until("\n"));
  });
  server.put("host.test", ipv4, {"127.0.0.1"});
  play([&, this]() -> Task<void> {
    echo.listen(0, {.address = "127.0.0.1"});
    TCPClient client(resolver);
    const std::uint16_t port = echo.addresses().front().port();
    IOStream stream = co_await client.connect("host.test.", port);
    co_await stream.write("hello\n");
    EXPECT_EQ(co_await stream.read_until("\n"), "hello\n");
  });
}

TEST_P(CaresResolverTest, says_try_again_where_no_server_is) {
  const SocketAddress nobody("127.0.0.1", 1);  // no program is given this port
  CaresResolver alone(loop, {.servers = {nobody}});
  play([&, this]() -> Task<void> {
    EXPECT_EQ(co_await error_of(alone, "four.test."), gai(EAI_AGAIN));
  });
}

/// All that the limit allows, the gaps between the numbers too.
std::vector<UniqueFd> take_every_descriptor() {
  std::vector<UniqueFd> all;
  try {
    for (;;) all.push_back(make_socket(AF_INET, SOCK_DGRAM));
  } catch (const std::system_error&) {
    return all;
  }
}

TEST_P(CaresResolverTest, says_try_again_where_no_descriptor_is_left) {
  if (!descriptor_limit_holds()) GTEST_SKIP() << "no limit here";
  play([this]() -> Task<void> {
    const std::set<NativeFd> before = open_numbers();
    for (int i = 0; i < 2; ++i) {
      {
        const DescriptorLimit limit(static_cast<rlim_t>(*before.rbegin()) + 1);
        const std::vector<UniqueFd> all = take_every_descriptor();
        EXPECT_EQ(co_await error_of(resolver, "four.test."), gai(EAI_AGAIN));
      }
      EXPECT_EQ(co_await ips(resolver, "four.test."), strings("127.0.1.4"));
      EXPECT_EQ(open_numbers(), before);
    }
  });
}

TEST_P(CaresResolverTest, leaves_the_sockets_of_its_parent_alone_in_a_forked_child) {
  if (under_thread_sanitizer()) GTEST_SKIP() << "the sanitizer is not fork-safe";
  server.put("slow.test", ipv4, {"127.0.1.1"}, Way::on_signal);
  std::error_code in_child;
  std::vector<std::string> found;
  const auto ask = [&, this]() -> Task<void> {
    try {
      found = co_await ips(resolver, "slow.test.");
    } catch (const std::system_error& error) {
      in_child = error.code();
    }
  };
  TaskGroup group(loop, OnFailure::report);
  group.start(ask);
  play([this]() -> Task<void> { co_await server.wait_for(2); });
  EXPECT_TRUE(passes_in_child([&] {
    loop.after_fork();
    play([&, this]() -> Task<void> {
      server.go();
      while (!in_child && found.empty()) co_await moment();
    });
    EXPECT_EQ(in_child, gai(EAI_AGAIN));
  }));
  play([&, this]() -> Task<void> {
    server.go();
    co_await group.join();
  });
  EXPECT_EQ(found, strings("127.0.1.1"));
}

}  // namespace
}  // namespace tornado::test
