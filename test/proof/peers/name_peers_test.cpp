// SPDX-License-Identifier: Apache-2.0
// Names that a real server answers, late, wrongly or not at all. /etc is the test's
// own.
#include <gtest/gtest.h>
#include <netdb.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dialogues.h"
#include "network.h"
#include "peer.h"
#include "tornado/multi.h"
#include "tornado/resolver.h"
#include "tornado/tcp_client.h"
#if defined(TORNADO_HAS_CARES)
#include "tornado/cares_resolver.h"
#endif

namespace tornado::test {
namespace {

using Addresses = Resolver::Addresses;

/// dnsmasq answers for names that end in .test, and refuses all others.
std::vector<std::string> name_server(const std::string& address,
                                     const std::vector<std::string>& records) {
  std::vector<std::string> argv = command(
      "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
      "--user=root", "--group=root", "--pid-file=", "--bind-interfaces",
      "--listen-address=" + address, "--local=/test/", "--log-facility=/dev/null");
  for (const std::string& record : records) argv.push_back("--host-record=" + record);
  return argv;
}

enum class Kind { threads, cares };

std::unique_ptr<Resolver> make_resolver(Kind kind) {
#if defined(TORNADO_HAS_CARES)
  if (kind == Kind::cares) return std::make_unique<CaresResolver>();
#endif
  EXPECT_EQ(kind, Kind::threads);
  return std::make_unique<ThreadedResolver>();
}

/// With each resolver.
class NamePeers : public WithPeers, public testing::WithParamInterface<Kind> {
 public:
  static auto each() {
#if defined(TORNADO_HAS_CARES)
    return testing::Values(Kind::threads, Kind::cares);
#else
    return testing::Values(Kind::threads);
#endif
  }
  static std::string name(const testing::TestParamInfo<Kind>& info) {
    return info.param == Kind::threads ? "threads" : "cares";
  }

 protected:
  NamePeers() : WithPeers({"dnsmasq"}) {}

  void SetUp() override {
    WithPeers::SetUp();
    if (IsSkipped()) return;
    resolver_ = make_resolver(GetParam());
    etc.put("passwd", "root:x:0:0:root:/:/bin/sh\n");
    etc.put("group", "root:x:0:\n");
    etc.put("nsswitch.conf", "hosts: files dns\n");
    etc.put("hosts", "127.0.0.1 localhost\n");
    ask("127.0.0.1");
    ASSERT_EQ(::mount(etc.path().c_str(), "/etc", nullptr, MS_BIND, nullptr), 0);
  }
  void TearDown() override {
    resolver_.reset();
    if (!IsSkipped()) ::umount2("/etc", MNT_DETACH);
    WithPeers::TearDown();
  }

  /// Replaces resolv.conf. An answer that does not come is awaited for minutes, unless
  /// `more` has other options.
  void ask(const std::string& server, const std::string& more = {}) const {
    etc.put("resolv.conf",
            "nameserver " + server + "\noptions timeout:30 attempts:5\n" + more + "\n");
  }

  /// Until the server at `address` answers.
  static Task<void> wait_for(const std::string& address) {
    const IOStream probe = co_await dial(SocketAddress(address, 53));
  }

  Task<std::string> first_of(std::string name) {
    const Addresses found = co_await resolver().resolve(std::move(name), 80);
    co_return found.front().ip();
  }

  /// The code of getaddrinfo, or 0.
  Task<int> code_of(std::string name) {
    try {
      (void)co_await resolver().resolve(std::move(name), 80);
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code().category(), resolver_category()) << error.what();
      co_return error.code().value();
    }
    co_return 0;
  }

  /// Whether a short timeout ends the question.
  Task<bool> times_out(std::string name) {
    try {
      (void)co_await with_timeout(50ms, code_of(std::move(name)));
    } catch (const std::system_error& error) {
      co_return error.code() == Errc::timed_out;
    }
    co_return false;
  }

  [[nodiscard]] Resolver& resolver() const {
    return *resolver_;
  }

  const Folder etc;

 private:
  std::unique_ptr<Resolver> resolver_;
};
INSTANTIATE_TEST_SUITE_P(, NamePeers, NamePeers::each(), NamePeers::name);

TEST_P(NamePeers, are_connected_to_by_either_family) {
  TCPServer server(echo);
  play([&, this]() -> Task<void> {
    server.listen(0);
    const std::uint16_t port = server.addresses().front().port();
    Peer peer(name_server("127.0.0.1", {"four.test,127.0.0.1", "six.test,::1",
                                        "both.test,127.0.0.1,::1"}));
    co_await wait_for("127.0.0.1");
    TCPClient client(resolver());
    for (const std::string name : {"four.test", "six.test", "both.test"}) {
      IOStream stream = co_await client.connect(name, port);
      EXPECT_EQ(co_await through(stream, name), name);
      const std::string to = remote_address(stream.fileno()).ip();
      EXPECT_EQ(to, name == "four.test" ? "127.0.0.1" : "::1") << name;
    }
    const Addresses both = co_await resolver().resolve("both.test", 80);
    EXPECT_EQ(both.size(), 2u);
  });
}

TEST_P(NamePeers, are_told_apart_when_there_are_none) {
  play([this]() -> Task<void> {
    Peer peer(name_server("127.0.0.1", {"four.test,127.0.0.1"}));
    co_await wait_for("127.0.0.1");
    EXPECT_EQ(co_await code_of("missing.test"), EAI_NONAME);
    EXPECT_EQ(co_await code_of("refused.example"), EAI_AGAIN);
    EXPECT_EQ(co_await code_of("four.test"), 0);
  });
}

TEST_P(NamePeers, all_come_where_one_datagram_has_no_room_for_them) {
  std::vector<std::string> records;
  for (int i = 1; i <= 100; ++i) {
    records.push_back("many.test,127.0.1." + std::to_string(i));
  }
  play([&, this]() -> Task<void> {
    Peer peer(name_server("127.0.0.1", records));
    co_await wait_for("127.0.0.1");
    const Addresses found = co_await resolver().resolve("many.test", 80);
    EXPECT_EQ(found.size(), 100u);
  });
}

TEST_P(NamePeers, come_from_the_server_of_a_resolv_conf_that_was_replaced) {
  play([this]() -> Task<void> {
    Peer one(name_server("127.0.0.1", {"name.test,127.0.1.1"}));
    Peer two(name_server("127.0.0.2", {"name.test,127.0.1.2"}));
    co_await wait_for("127.0.0.1");
    co_await wait_for("127.0.0.2");
    for (int i = 0; i < 50; ++i) {
      ask(i % 2 == 0 ? "127.0.0.1" : "127.0.0.2");
      EXPECT_EQ(co_await first_of("name.test"), i % 2 == 0 ? "127.0.1.1" : "127.0.1.2");
    }
    ask("127.0.0.1", "search test");
    EXPECT_EQ(co_await first_of("name"), "127.0.1.1");
  });
}

TEST_P(NamePeers, are_refused_at_once_where_there_is_no_server) {
  play([this]() -> Task<void> { EXPECT_EQ(co_await code_of("name.test"), EAI_AGAIN); });
}

TEST_P(NamePeers, hold_up_neither_a_cancel_nor_other_names_while_the_server_is_silent) {
  TCPServer server(echo);
  play([&, this]() -> Task<void> {
    const std::uint16_t port = listen(server);
    Peer peer(name_server("127.0.0.1", {"name.test,127.0.0.1"}));
    co_await wait_for("127.0.0.1");
    peer.send(SIGSTOP);
    TCPClient client(resolver());
    for (int i = 0; i < 100; ++i) {
      std::error_code error;
      try {
        (void)co_await client.connect("name.test", port, {.timeout = 1ms});
      } catch (const std::system_error& failure) {
        error = failure.code();
      }
      EXPECT_EQ(error, Errc::timed_out);
    }
    IOStream local = co_await client.connect("localhost", port);
    EXPECT_EQ(co_await through(local, "local"), "local");
    // The question that nobody waited for is answered, and the next one, too.
    peer.send(SIGCONT);
    IOStream named = co_await client.connect("name.test", port);
    EXPECT_EQ(co_await through(named, "named"), "named");
  });
}

TEST_P(NamePeers, arrive_after_the_server_was_slow) {
  play([this]() -> Task<void> {
    Peer peer(name_server("127.0.0.1", {"name.test,127.0.1.1"}));
    co_await wait_for("127.0.0.1");
    peer.send(SIGSTOP);
    std::vector<Task<std::string>> asked;
    for (int i = 0; i < 20; ++i) asked.push_back(first_of("name.test"));
    TaskGroup group;
    group.start([&peer]() -> Task<void> {
      co_await sleep(50ms);  // the questions are under way
      peer.send(SIGCONT);
    });
    for (const std::string& address : co_await multi(std::move(asked))) {
      EXPECT_EQ(address, "127.0.1.1");
    }
  });
}

TEST_P(NamePeers, are_known_by_a_server_that_is_silent_about_ipv6) {
  ask("127.0.0.1", "options timeout:3 attempts:1");
  play([this]() -> Task<void> {
    Peer peer(command("/usr/bin/python3", NAME_SERVER, "no-ipv6"));
    EXPECT_EQ(co_await peer.line(), "ready");
    const Addresses found =
        co_await resolver().resolve("name.test", 80, AddressFamily::ipv4);
    EXPECT_EQ(found.front().ip(), "127.0.1.1");
    EXPECT_TRUE(co_await times_out("name.test"));
  });
}

TEST_P(NamePeers, are_not_known_by_a_server_that_fails_or_talks_nonsense) {
  ask("127.0.0.1", "options timeout:3 attempts:1");
  play([this]() -> Task<void> {
    for (const std::string how : {"failure", "cut", "other-question", "noise"}) {
      Peer peer(command("/usr/bin/python3", NAME_SERVER, how));
      EXPECT_EQ(co_await peer.line(), "ready");
      if (how == "failure" || how == "cut") {
        EXPECT_EQ(co_await code_of(how + ".test"), EAI_AGAIN) << how;
      } else {
        EXPECT_TRUE(co_await times_out(how + ".test")) << how;
      }
    }
  });
}

/// Asks for many names, which nobody answers, and ends a loop and its resolver.
void end_amid_questions(Kind kind) {
  IOLoop loop;
  const std::unique_ptr<Resolver> resolver = make_resolver(kind);
  TaskGroup questions(loop, OnFailure::report);
  for (int i = 0; i < 100; ++i) {
    questions.start([&resolver, i]() -> Task<void> {
      (void)co_await resolver->resolve("name" + std::to_string(i) + ".test", 80);
    });
  }
  loop.run_sync([]() -> Task<void> { co_await sleep(10ms); }());
}

using NamePeersDeathTest = NamePeers;
INSTANTIATE_TEST_SUITE_P(, NamePeersDeathTest, NamePeers::each(), NamePeers::name);

TEST_P(NamePeersDeathTest, hold_up_no_exit_while_the_server_is_silent) {
  std::optional<Peer> peer;
  play([&]() -> Task<void> {
    peer.emplace(name_server("127.0.0.1", {"name.test,127.0.1.1"}));
    co_await wait_for("127.0.0.1");
    peer->send(SIGSTOP);
  });
  const auto begin = std::chrono::steady_clock::now();
  const auto ends = [this] {
    end_amid_questions(GetParam());
    std::exit(0);
  };
  EXPECT_EXIT(ends(), testing::ExitedWithCode(0), "");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 25s);  // resolv.conf says 30
}

}  // namespace
}  // namespace tornado::test
