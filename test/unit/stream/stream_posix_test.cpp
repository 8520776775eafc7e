// SPDX-License-Identifier: Apache-2.0
// Streams and servers in forked children; resets, which Wine sends as ends; and pipes,
// which are sockets on Windows.
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <new>
#include <string>

#include "net/socket_calls.h"
#include "net/sockets.h"
#include "stream_ends.h"
#include "support/child.h"
#include "support/log_capture.h"
#include "support/sanitizers.h"
#include "tornado/fork_processes.h"
#include "tornado/locks.h"
#include "tornado/tcp_client.h"
#include "tornado/tcp_server.h"

namespace tornado::test {
namespace {

class PosixStreams : public StreamEnds {};
INSTANTIATE_TEST_SUITE_P(, PosixStreams, PosixStreams::each_in_both_forms(),
                         PosixStreams::name);
INSTANTIATE_TEST_SUITE_P(TLS, PosixStreams,
                         PosixStreams::each_over_tls({Form::task, Form::callback}),
                         PosixStreams::name);

TEST_P(PosixStreams, send_nothing_twice_from_a_forked_child) {
  if (under_thread_sanitizer()) GTEST_SKIP() << "the sanitizer is not fork-safe";
  connect();
  second->write("once");
  EXPECT_TRUE(passes_in_child([this] { second.reset(); }));
  play([this]() -> Task<void> {
    second->close();
    EXPECT_EQ(co_await in_form(first->read_until_close()), "once");
  });
}

/// Reads so many bytes past the stream.
void take_from(NativeFd fd, std::size_t count) {
  std::string bytes(count, ' ');
  for (std::size_t n = 0; n < count;) {
    const ssize_t got = ::read(fd, bytes.data(), count - n);
    ASSERT_GT(got, 0);
    n += static_cast<std::size_t>(got);
  }
}

TEST_P(PosixStreams, send_their_rest_from_their_own_process_alone) {
  const auto give_room = [](NativeFd fd, int bytes) {
    return set_option(fd, SOL_SOCKET, SO_SNDBUF, bytes) == std::error_code();
  };
  for (const bool begun : {false, true}) {
    connect();
    const NativeFd fd = second->fileno();
    const bool can_grow = give_room(fd, 4096);  // a pipe cannot
    const std::size_t written = fill(*second);
    second.reset();
    if (begun) play(moment);
    int there = 0;
    ASSERT_EQ(::ioctl(first->fileno(), FIONREAD, &there), 0);
    const std::size_t by_child = can_grow ? 0 : static_cast<std::size_t>(there);
    EXPECT_TRUE(passes_in_child([&] {
      loop.after_fork();
      EXPECT_TRUE(!can_grow || give_room(fd, 128 << 10));
      take_from(first->fileno(), by_child);
      EXPECT_TRUE(wait_until([fd] { return is_writable(fd); }));
      play([]() -> Task<void> {
        for (int i = 0; i < 20; ++i) co_await moment();
      });
    }));
    play([&]() -> Task<void> {
      const std::string left = co_await in_form(first->read_until_close());
      EXPECT_EQ(left.size(), written - by_child);
    });
  }
}

TEST_P(PosixStreams, tell_a_reset_from_an_end) {
  if (std::get<0>(GetParam()) != Link::tcp) GTEST_SKIP() << "only TCP resets";
  connect();
  play([this]() -> Task<void> {
    second->write("all");
    co_await in_form(second->flush());
    const linger reset{1, 0};
    ::setsockopt(second->fileno(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    second->close();
    EXPECT_EQ(co_await outcome_of([this] { return first->read_until_close(); }),
              "closed: Connection reset by peer");
  });
}

TEST_P(PosixStreams, show_no_end_when_their_loop_drops_the_rest) {
  if (std::get<0>(GetParam()) != Link::tcp) GTEST_SKIP() << "nothing else has a reset";
  FdPair ends = open_tcp_pair();
  {
    IOLoop brief;
    IOStream stream(std::move(ends.first), brief);
    fill(stream);
  }
  first = std::make_unique<IOStream>(std::move(ends.second), loop);
  play([this]() -> Task<void> {
    (void)co_await outcome_of([this] { return first->read_until_close(); });
    EXPECT_EQ(first->error(), std::errc::connection_reset);
  });
}

TEST_P(PosixStreams, end_a_pipe_by_the_end_of_output) {
  if (both_ways()) GTEST_SKIP() << "a socket goes on reading";
  connect();
  play([this]() -> Task<void> {
    second->write("all");
    co_await second->shutdown_write();
    EXPECT_TRUE(second->closed());
    EXPECT_FALSE(second->error());
    EXPECT_EQ(co_await in_form(first->read_until_close()), "all");
  });
}

TEST_P(PosixStreams, reset_a_connection_that_they_abort) {
  connect();
  play([this]() -> Task<void> {
    second->write("sent");
    co_await in_form(second->flush());
    EXPECT_EQ(co_await first->read_bytes(4), "sent");
    second->write("dropped");
    second->abort(std::make_error_code(std::errc::protocol_error));
    EXPECT_EQ(second->error(), std::errc::protocol_error);
    EXPECT_EQ(co_await outcome_of([this] { return first->read_bytes(1); }),
              over_tcp() ? "closed: Connection reset by peer" : "closed");
  });
}

TEST_P(PosixStreams, leave_the_connection_of_their_parent_when_a_child_aborts) {
  if (under_thread_sanitizer()) GTEST_SKIP() << "the sanitizer is not fork-safe";
  connect();
  EXPECT_TRUE(passes_in_child([this] { second->abort(); }));
  play([this]() -> Task<void> {
    second->write("all");
    second->close();
    EXPECT_EQ(co_await in_form(first->read_until_close()), "all");
  });
}

TEST_P(PosixStreams, name_the_error_of_a_pipe_without_a_reader) {
  if (both_ways()) GTEST_SKIP() << "a socket ends instead";
  connect();
  play([this]() -> Task<void> {
    Event closed;
    second->set_close_callback([&closed] { closed.set(); });
    first->close();
    co_await closed.wait();
    EXPECT_EQ(second->error(), std::errc::broken_pipe);
  });
}

TEST(StreamOptionsOf, keepalive_are_those_of_the_socket) {
  IOLoop loop;
  FdPair ends = open_tcp_pair();
  const IOStream stream(
      std::move(ends.first), loop,
      {.keepalive = KeepAlive{.idle = 30s, .interval = 5s, .probes = 4}});
  const auto value = [&stream](int level, int option) {
    int result = -1;
    socklen_t size = sizeof result;
    EXPECT_EQ(::getsockopt(stream.fileno(), level, option, &result, &size), 0);
    return result;
  };
  EXPECT_NE(value(SOL_SOCKET, SO_KEEPALIVE), 0);
  EXPECT_EQ(value(IPPROTO_TCP, keepalive_idle), 30);
  EXPECT_EQ(value(IPPROTO_TCP, keepalive_interval), 5);
  EXPECT_EQ(value(IPPROTO_TCP, keepalive_probes), 4);
}

TEST(StreamOptionsOf, nodelay_is_that_of_the_socket) {
  IOLoop loop;
  for (const bool on : {true, false}) {
    FdPair ends = open_tcp_pair();
    int result = 0;
    socklen_t size = sizeof result;
    ::setsockopt(ends.first.get(), IPPROTO_TCP, TCP_NODELAY, &result, size);
    const IOStream stream(std::move(ends.first), loop, {.nodelay = on});
    EXPECT_EQ(::getsockopt(stream.fileno(), IPPROTO_TCP, TCP_NODELAY, &result, &size),
              0);
    EXPECT_EQ(result != 0, on);
  }
}

TEST(TCPClients, refuse_to_be_their_own_peer) {
  IOLoop loop;
  const auto own = [] { return bind_sockets(0, {.address = "127.0.0.1"}); };
  const SocketAddress self = local_address(own().front().get());
  std::error_code code;
  const auto connect = [&]() -> Task<void> {
    try {
      (void)co_await TCPClient().connect("127.0.0.1", self.port(), {.source = self});
    } catch (const ConnectError& error) {
      code = error.code();
    }
  };
  loop.run_sync(connect(), patience);
  EXPECT_EQ(code, std::errc::connection_refused);
}

TEST_P(PosixStreams, call_back_in_no_forked_child) {
  if (under_thread_sanitizer()) GTEST_SKIP() << "the sanitizer is not fork-safe";
  connect();
  int called = 0;
  second->write("once").call([&called](Result<void>) { ++called; });
  EXPECT_TRUE(passes_in_child([&] {
    second.reset();
    EXPECT_EQ(called, 0);
  }));
  play([&]() -> Task<void> {
    while (called == 0) co_await moment();
    second->close();
    EXPECT_EQ(co_await first->read_until_close(), "once");
  });
}

/// Three workers: each answers with its id, and asks once. None of them stops before
/// all have an answer.
class TestMultiprocess : public testing::Test {
 protected:
  TestMultiprocess() {
    void* const shared =
        ::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    answered_ = ::new (shared) std::atomic<int>(0);
  }
  ~TestMultiprocess() override { ::munmap(answered_, sizeof *answered_); }

  /// `serves` is true in a worker whose server accepts.
  static void run(const std::function<bool(TCPServer&)>& serves,
                  const std::function<void(TCPServer&)>& asks) {
    if (under_thread_sanitizer()) GTEST_SKIP() << "the sanitizer is not fork-safe";
    EXPECT_TRUE(passes_in_child([&] {
      TCPServer server([](IOStream stream, SocketAddress) -> Task<void> {
        stream.write(std::to_string(*task_id()));
        stream.close();
        co_return;
      });
      if (!serves(server)) return;  // the parent of the workers
      asks(server);
      ::_exit(HasFailure() ? 1 : 0);
    }));
  }
  void ask(TCPServer& server) {
    const auto talk = [&]() -> Task<void> {
      const SocketAddress to = server.addresses().front();
      TCPClient tcp;
      IOStream client = co_await tcp.connect(to.ip(), to.port());
      const std::string id = co_await client.read_until_close();
      EXPECT_TRUE(id == "0" || id == "1" || id == "2") << id;
      ++*answered_;
      while (*answered_ < workers) co_await moment();
      co_await server.drain();
    };
    IOLoop::current()->run_sync(talk(), patience / 2);
  }

  static constexpr int workers = 3;

 private:
  std::atomic<int>* answered_;
};

TEST_F(TestMultiprocess, test_bind_start) {
  const auto serves = [](TCPServer& server) {
    server.bind(0, {.address = "127.0.0.1"});
    return server.start(workers, 0);
  };
  run(serves, [this](TCPServer& server) { ask(server); });
}

TEST_F(TestMultiprocess, test_add_sockets) {
  const auto serves = [](TCPServer& server) {
    auto sockets = bind_sockets(0, {.address = "127.0.0.1"});
    if (!fork_processes(workers, {.max_restarts = 0}).task_id) return false;
    server.add_sockets(std::move(sockets));
    return true;
  };
  run(serves, [this](TCPServer& server) { ask(server); });
}

TEST_F(TestMultiprocess, test_listen_multi_reuse_port) {
  const auto serves = [](TCPServer& server) {
    auto sockets = bind_sockets(0, {.address = "127.0.0.1", .reuse_port = true});
    const std::uint16_t port = local_address(sockets.front().get()).port();
    sockets.clear();
    if (!fork_processes(workers, {.max_restarts = 0}).task_id) return false;
    server.listen(port, {.address = "127.0.0.1", .reuse_port = true});
    return true;
  };
  run(serves, [this](TCPServer& server) { ask(server); });
}

TEST_F(TestMultiprocess, test_listen_single) {
  const LogCapture log;
  IOLoop loop;
  TCPServer server([](IOStream, SocketAddress) -> Task<void> { co_return; });
  server.listen(0, {.address = "127.0.0.1"});
  loop.run_sync(server.drain(), patience);
  EXPECT_EQ(log.count(LogLevel::warning) + log.count(LogLevel::error), 0u);
}

TEST(UnixSocketTest, test_unix_socket) {
  IOLoop loop;
  const std::string path = testing::TempDir() + "tornado." + std::to_string(::getpid());
  TCPServer server([](IOStream stream, SocketAddress) -> Task<void> {
    co_await stream.write(co_await stream.read_until("\n"));
  });
  server.add_socket(bind_unix_socket(path));
  const auto talk = [&]() -> Task<void> {
    IOStream client(make_socket(AF_UNIX, SOCK_STREAM));
    co_await client.connect(SocketAddress::local(path));
    co_await client.write("hello\n");
    EXPECT_EQ(co_await client.read_until("\n"), "hello\n");
  };
  loop.run_sync(talk(), patience);
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace tornado::test
