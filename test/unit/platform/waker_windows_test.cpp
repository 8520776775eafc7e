// SPDX-License-Identifier: Apache-2.0
// What a waker of sockets does on Windows, whose descriptors have no number to keep.
#include <winsock2.h>

#include <atomic>
#include <vector>

#include "platform/every_waker.h"
#include "platform/loop_waker.h"
#include "support/open_numbers.h"
#include "support/scale.h"
#include "tornado/platform.h"

namespace tornado::test {
namespace {

class TcpPairWaker : public testing::Test {
 protected:
  LoopWaker waker_{WakerKind::tcp_pair};
};

void rebuild_and_expect_to_work(LoopWaker& waker) {
  const std::uint64_t rebuilt = waker.counters().rebuilt;
  EXPECT_FALSE(waker.consume());
  EXPECT_FALSE(waker.consume()) << "until it is rebuilt";
  waker.rebuild();
  EXPECT_EQ(waker.counters().rebuilt, rebuilt + 1);
  EXPECT_TRUE(is_close_exec(waker.fileno()));
  EXPECT_TRUE(is_close_exec(waker.write_fileno()));
  expect_to_work(waker);
}

TEST_F(TcpPairWaker, is_the_best_and_only_one) {
  EXPECT_EQ(waker_kinds(), std::vector{WakerKind::tcp_pair});
  EXPECT_EQ(Waker().kind(), WakerKind::tcp_pair);
  EXPECT_THROW(Waker(WakerKind::pipe), std::system_error);
}

TEST_F(TcpPairWaker, works_again_after_the_writer_was_shut_down) {
  ASSERT_EQ(::shutdown(waker_.write_fileno(), SD_SEND), 0);
  EXPECT_TRUE(becomes_readable(waker_.fileno()));
  rebuild_and_expect_to_work(waker_);
}

TEST_F(TcpPairWaker, works_again_after_it_was_closed_behind_its_back) {
  ASSERT_EQ(::closesocket(waker_.write_fileno()), 0);
  EXPECT_TRUE(becomes_readable(waker_.fileno()));
  rebuild_and_expect_to_work(waker_);
}

TEST_F(TcpPairWaker, keeps_the_last_error) {
  ::SetLastError(ERROR_CRC);
  waker_.wake();
  EXPECT_EQ(::GetLastError(), DWORD{ERROR_CRC});
  (void)waker_.consume();
  EXPECT_EQ(::GetLastError(), DWORD{ERROR_CRC});
}

TEST_F(TcpPairWaker, gives_all_back_that_its_rebuilds_opened) {
  const std::set<NativeFd> before = open_numbers();
  {
    LoopWaker waker(WakerKind::tcp_pair);
    for (int i = 0; i < 10; ++i) waker.rebuild();
    waker.close();
  }
  EXPECT_EQ(open_numbers(), before);
}

TEST_F(TcpPairWaker, rebuilt_again_and_again_amid_wakes_loses_none) {
  expect_rebuilds_to_lose_no_wake(waker_, scaled(2000), [](std::uint64_t turn) {
    return turn % 16 == 0 && turn < 1600;
  });
  expect_to_work(waker_);
}

}  // namespace
}  // namespace tornado::test
