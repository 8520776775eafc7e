// SPDX-License-Identifier: Apache-2.0
#include <sys/epoll.h>

#include "platform/every_waker.h"
#include "platform/loop_waker.h"

namespace tornado::test {
namespace {

class EveryWakerEdge : public WakerSuite {};

TEST_P(EveryWakerEdge, gives_an_edge_for_each_wake_that_writes) {
  LoopWaker waker(kind());
  if (kind() == WakerKind::kqueue) {
    GTEST_SKIP() << "it is readable until it is read, and gives no second edge before";
  }
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, waker.fileno(), &event), 0);
  for (int round = 0; round < 10; ++round) {
    waker.wake();
    EXPECT_EQ(::epoll_wait(epoll.get(), &event, 1, 0), 1);
    waker.disarm();
    EXPECT_TRUE(waker.arm()) << "nothing was read: the next wake writes again";
  }
}

TEST(EventfdWaker, gives_an_edge_even_when_its_counter_is_at_the_greatest) {
  LoopWaker waker(WakerKind::eventfd);
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, waker.fileno(), &event), 0);
  fill_from_outside(waker);
  ASSERT_EQ(::epoll_wait(epoll.get(), &event, 1, 0), 1);
  waker.wake();
  EXPECT_EQ(::epoll_wait(epoll.get(), &event, 1, 0), 1);
}

INSTANTIATE_TEST_SUITE_P(, EveryWakerEdge, testing::ValuesIn(waker_kinds()),
                         name_of_waker);

}  // namespace
}  // namespace tornado::test
