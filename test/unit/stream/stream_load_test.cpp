// SPDX-License-Identifier: Apache-2.0
// Many streams at once: memory, and the limit of descriptors.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "stream_ends.h"
#include "support/child.h"
#include "support/heap.h"
#include "support/limits.h"
#include "support/log_capture.h"
#include "support/sanitizers.h"
#include "support/scale.h"
#include "tornado/tcp_client.h"
#include "tornado/tcp_server.h"

namespace tornado::test {
namespace {

class ManyStreams : public testing::TestWithParam<PollerKind> {};
INSTANTIATE_TEST_SUITE_P(, ManyStreams, testing::ValuesIn(working_poller_kinds()),
                         name_of_poller);

/// As many pairs as this system lets a process have, at most 10,000.
std::size_t most_pairs(PollerKind kind) {
  if (kind == PollerKind::select) return 400;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t all = (std::min)(limit.rlim_max, rlim_t{20'200});
  limit.rlim_cur = (std::max)(limit.rlim_cur, all);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<std::size_t>((all - 200) / 2);
}

TEST_P(ManyStreams, whose_readers_sleep_take_bounded_memory) {
  constexpr std::size_t room = 16 << 10;
  constexpr std::size_t message = 4 << 10;
  const std::string text(message, 'x');
  EXPECT_TRUE(passes_in_child([&] {
    IOLoop loop(LoopOptions{.poller = GetParam()});
    loop.make_current();
    const std::size_t count = (std::min)(scaled(10'000), most_pairs(GetParam()));
    std::vector<IOStream> readers;
    std::vector<IOStream> writers;
    for (std::size_t i = 0; i < count; ++i) {
      FdPair pair = make_socket_pair();
      readers.emplace_back(std::move(pair.first));
      writers.emplace_back(std::move(pair.second), StreamOptions{.write_room = room});
    }
    const std::size_t before = memory_in_use();
    TaskGroup group(loop);
    for (IOStream& stream : writers) {
      group.start([&stream, &text]() -> Task<void> {
        for (;;) co_await stream.write(text);
      });
    }
    const auto all_wait = [&]() -> Task<void> {
      for (const IOStream& stream : writers) {
        while (!stream.writing()) co_await moment();
      }
      for (int i = 0; i < 10; ++i) co_await moment();
    };
    loop.run_sync(all_wait(), patience);
    // What waits is in blocks; and the frame of the task.
    constexpr std::size_t block = 64 << 10;
    constexpr std::size_t blocks = (room + message + block - 1) / block;
    EXPECT_LE((memory_in_use() - before) / count, blocks * block + 2048);
    group.cancel();
  }));
}

/// Whether the server has answered, or closed the connection.
Task<bool> is_answered(std::uint16_t port) {
  IOStream client = co_await TCPClient().connect("127.0.0.1", port);
  bool answered = false;
  try {
    co_await client.write("line\n");
    answered = co_await client.read_until("\n") == "line\n";
  } catch (const StreamClosedError&) {
  }
  co_return answered;
}

/// All at once. Each of them ends.
void send_clients(std::uint16_t port, std::size_t count) {
  IOLoop loop;
  std::size_t answered = 0;
  const auto send = [&]() -> Task<void> {
    TaskGroup clients;
    for (std::size_t i = 0; i < count; ++i) {
      clients.start([&]() -> Task<void> {
        const bool is = co_await is_answered(port);
        answered += is ? 1u : 0u;
      });
    }
    co_await clients.join();
    for (bool recovered = false; !recovered;) {
      recovered = co_await is_answered(port);
    }
  };
  loop.run_sync(send(), patience);
  EXPECT_GT(answered, 0u);
}

TEST_P(ManyStreams, that_come_at_the_limit_of_descriptors_are_served_or_closed) {
  if (!descriptor_limit_holds()) GTEST_SKIP() << "no limit here";
  if (under_thread_sanitizer()) GTEST_SKIP() << "the sanitizer is not fork-safe";
  EXPECT_TRUE(passes_in_child([] {
    auto listeners = bind_sockets(0, {.address = "127.0.0.1"});
    const std::uint16_t port = local_address(listeners.front().get()).port();
    FdPair ended = make_pipe();
    const pid_t clients = ::fork();
    if (clients == 0) {
      listeners.clear();
      send_clients(port, 500);
      ::_exit(testing::Test::HasFailure() ? 1 : 0);
    }
    ended.second.reset();
    const DescriptorLimit limit(64);
    const LogCapture log;
    IOLoop loop(LoopOptions{.poller = GetParam()});
    loop.make_current();
    TCPServer server([](IOStream stream, SocketAddress) -> Task<void> {
      co_await stream.write(co_await stream.read_until("\n"));
    });
    server.add_sockets(std::move(listeners));
    const auto serve = [&]() -> Task<void> {
      PipeIOStream pipe(std::move(ended.first));
      EXPECT_EQ(co_await pipe.read_until_close(), "");
    };
    loop.run_sync(serve(), patience);
    int status = -1;
    EXPECT_EQ(::waitpid(clients, &status, 0), clients);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(log.count(LogLevel::error), 0u);
  }));
}

}  // namespace
}  // namespace tornado::test
