// SPDX-License-Identifier: Apache-2.0
// A waker ends every way in which a thread may sleep for its descriptor.
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include "platform/every_waker.h"
#include "support/reporter.h"
#include "tornado/platform.h"

namespace tornado::test {
namespace {

/// Lets a thread sleep until `fd` is readable, without a timeout.
using Sleep = void (*)(int fd);

void sleep_in_select(int fd) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  ASSERT_EQ(::select(fd + 1, &set, nullptr, nullptr, nullptr), 1);
}

void sleep_in_poll(int fd) {
  ASSERT_TRUE(becomes_readable(fd));
}

void sleep_in_epoll_wait(int fd) {
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN;
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event), 0);
  ASSERT_EQ(::epoll_wait(epoll.get(), &event, 1, -1), 1);
}

struct Sleeper {
  const char* name;
  Sleep sleep;
};

class EveryWakerAndSleep
    : public testing::TestWithParam<std::tuple<WakerKind, Sleeper>> {};

TEST_P(EveryWakerAndSleep, wake_ends_the_sleep_of_another_thread) {
  const auto& [kind, sleeper] = GetParam();
  Waker waker(kind);
  for (int round = 0; round < 100; ++round) {
    Thread thread([&waker, sleep = sleeper.sleep] { sleep(waker.fileno()); });
    if (round % 2) std::this_thread::yield();
    waker.wake();
    thread.join();
    EXPECT_TRUE(waker.consume());
    EXPECT_FALSE(is_readable(waker.fileno()));
  }
}

INSTANTIATE_TEST_SUITE_P(
    , EveryWakerAndSleep,
    testing::Combine(testing::ValuesIn(waker_kinds()),
                     testing::Values(Sleeper{"select", &sleep_in_select},
                                     Sleeper{"poll", &sleep_in_poll},
                                     Sleeper{"epoll_wait", &sleep_in_epoll_wait})),
    [](const auto& test) {
      return std::string(to_string(std::get<0>(test.param))) + "_and_" +
             std::get<1>(test.param).name;
    });

TEST(Waker, is_like_a_pipe) {
  Waker waker(WakerKind::pipe);
  EXPECT_EQ(::write(waker.write_fileno(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(waker.fileno(), &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
}

TEST(Waker, has_both_ends_non_blocking_and_close_on_exec) {
  TORNADO_SKIP_UNLESS_REPORTER_RUNS();
  Waker waker(WakerKind::pipe);
  for (int fd : {waker.fileno(), waker.write_fileno()}) {
    EXPECT_TRUE(is_nonblocking(fd));
    EXPECT_TRUE(is_close_exec(fd));
  }
  const Report report = execute_reporter();
  EXPECT_EQ(find(report.descriptors, waker.fileno()), nullptr);
  EXPECT_EQ(find(report.descriptors, waker.write_fileno()), nullptr);
}

}  // namespace
}  // namespace tornado::test
