// SPDX-License-Identifier: Apache-2.0
// Strangers who get to the loopback listener of a tcp_pair first.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <vector>

#include "platform/every_waker.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/descriptors.h"

namespace {

std::function<bool(const sockaddr*, socklen_t)> before_connect;
bool within = false;
bool connects_at_once = false;

}  // namespace

// In front of the system's: whoever connects finds that others did so before.
extern "C" __attribute__((visibility("default"))) int connect(int fd,
                                                              const sockaddr* address,
                                                              socklen_t size) {
  if (before_connect && !within) {
    within = true;
    const bool allowed = before_connect(address, size);
    within = false;
    if (!allowed) return -1;
  }
  if (connects_at_once) ::fcntl(fd, F_SETFL, 0);
  const auto result = static_cast<int>(::syscall(SYS_connect, fd, address, size));
  if (connects_at_once) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  return result;
}

namespace tornado::test {
namespace {

class TcpPair : public testing::Test {
 protected:
  void TearDown() override {
    before_connect = nullptr;
    connects_at_once = false;
  }

  /// `count` strangers connect and write, each before the waker does.
  void send_strangers(int count) {
    before_connect = [this, count](const sockaddr* address, socklen_t size) {
      for (int i = 0; i < count; ++i) {
        UniqueFd stranger(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
        (void)::connect(stranger.get(), address, size);
        (void)::send(stranger.get(), "x", 1, MSG_NOSIGNAL);
        strangers_.push_back(std::move(stranger));
      }
      return true;
    };
  }

  std::vector<UniqueFd> strangers_;
};

in_port_t port(decltype(&::getsockname) ask, int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  EXPECT_EQ(ask(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  EXPECT_EQ(address.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
  return address.sin_port;
}

void expect_connected_to_itself(Waker& waker) {
  EXPECT_EQ(port(&::getpeername, waker.fileno()),
            port(&::getsockname, waker.write_fileno()));
  EXPECT_EQ(port(&::getsockname, waker.fileno()),
            port(&::getpeername, waker.write_fileno()));
  EXPECT_FALSE(is_readable(waker.fileno())) << "a stranger's byte";
  expect_to_work(waker);
}

TEST_F(TcpPair, is_connected_to_itself) {
  Waker waker(WakerKind::tcp_pair);
  expect_connected_to_itself(waker);
}

TEST_F(TcpPair, works_where_a_connection_is_there_at_once) {
  connects_at_once = true;
  Waker waker(WakerKind::tcp_pair);
  expect_connected_to_itself(waker);
}

TEST_F(TcpPair, leaves_no_listener_behind) {
  Waker waker(WakerKind::tcp_pair);
  for (int fd : open_numbers()) {
    int listening = 0;
    socklen_t size = sizeof listening;
    (void)::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size);
    EXPECT_FALSE(listening) << "fd " << fd;
  }
}

TEST_F(TcpPair, refuses_another_client_that_connected_first) {
  for (int count : {1, 2, 10}) {
    send_strangers(count);
    for (int round = 0; round < 20; ++round) {
      Waker waker(WakerKind::tcp_pair);
      expect_connected_to_itself(waker);
      strangers_.clear();
    }
  }
}

TEST_F(TcpPair, refuses_other_clients_that_fill_the_queue) {
  send_strangers(40);
  Waker waker(WakerKind::tcp_pair);
  expect_connected_to_itself(waker);
}

TEST_F(TcpPair, survives_other_clients_that_close_before_they_are_refused) {
  before_connect = [](const sockaddr* address, socklen_t size) {
    for (int i = 0; i < 5; ++i) {
      const UniqueFd stranger(::socket(AF_INET, SOCK_STREAM, 0));
      const linger at_once{1, 0};
      ::setsockopt(stranger.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      (void)::connect(stranger.get(), address, size);
    }
    return true;
  };
  for (int round = 0; round < 20; ++round) {
    Waker waker(WakerKind::tcp_pair);
    expect_connected_to_itself(waker);
  }
}

TEST_F(TcpPair, says_why_it_could_not_connect_and_leaves_nothing_behind) {
  before_connect = [](const sockaddr*, socklen_t) {
    errno = ENETUNREACH;
    return false;
  };
  const std::set<int> before = open_numbers();
  try {
    const Waker waker(WakerKind::tcp_pair);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), std::errc::network_unreachable);
    EXPECT_TRUE(std::string(e.what()).starts_with("connect 127.0.0.1 fd")) << e.what();
  }
  EXPECT_EQ(open_numbers(), before);
}

TEST_F(TcpPair, names_the_call_that_failed_and_leaves_nothing_behind) {
  if (!can_deny()) GTEST_SKIP() << "system calls cannot be denied here";
  const std::pair<int, std::string> calls[] = {{SYS_bind, "bind 127.0.0.1"},
                                               {SYS_listen, "listen 127.0.0.1"},
                                               {SYS_getsockname, "getsockname fd"},
                                               {SYS_setsockopt, "TCP_NODELAY fd"}};
  for (const auto& [number, name] : calls) {
    EXPECT_TRUE(passes_in_child([&] {
      const std::set<int> before = open_numbers();
      ASSERT_TRUE(deny({{number, ENOBUFS}}));
      try {
        const Waker waker(WakerKind::tcp_pair);
        ADD_FAILURE() << name << ": nothing was thrown";
      } catch (const std::system_error& e) {
        EXPECT_EQ(e.code(), std::errc::no_buffer_space);
        EXPECT_TRUE(std::string(e.what()).starts_with(name)) << e.what();
      }
      EXPECT_EQ(open_numbers(), before);
    }));
  }
}

TEST_F(TcpPair, gives_up_when_its_own_connection_does_not_come) {
  before_connect = [](const sockaddr*, socklen_t) {
    errno = EINPROGRESS;
    return false;
  };
  const std::set<int> before = open_numbers();
  const auto begin = std::chrono::steady_clock::now();
  try {
    const Waker waker(WakerKind::tcp_pair);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), std::errc::timed_out);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, patience);
  EXPECT_EQ(open_numbers(), before);
}

}  // namespace
}  // namespace tornado::test
