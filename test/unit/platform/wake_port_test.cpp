// SPDX-License-Identifier: Apache-2.0
// A waker with a port, which is a pipe here.
#include <unistd.h>

#include "platform/every_waker.h"
#include "platform/loop_waker.h"
#include "support/descriptors.h"

namespace tornado::test {
namespace {

bool post_byte(NativeFd port) noexcept {
  return ::write(port, "p", 1) == 1;
}

bool post_nothing(NativeFd) noexcept {
  return false;
}

WakePort writes_to(FdPair& pipe) {
  return {std::move(pipe.second), &post_byte};
}

class EveryWakerWithPort : public WakerSuite {
 protected:
  /// Whether a wake writes to the waker's own descriptor.
  bool writes_itself() {
    (void)waker_.consume();
    waker_.wake();
    const bool wrote = is_readable(waker_.fileno());
    (void)waker_.consume();
    return wrote;
  }
  static bool was_posted_to(const FdPair& pipe) { return drain(pipe.first.get()) > 0; }

  LoopWaker waker_{kind()};
};

TEST_P(EveryWakerWithPort, wake_posts_to_the_port_and_writes_if_that_fails) {
  FdPair pipe = make_pipe();
  waker_.set_port(writes_to(pipe));
  EXPECT_FALSE(writes_itself());
  EXPECT_TRUE(was_posted_to(pipe));
  FdPair other = make_pipe();
  waker_.set_port({std::move(other.second), &post_nothing});
  EXPECT_TRUE(writes_itself());
  EXPECT_FALSE(was_posted_to(other));
  EXPECT_FALSE(was_posted_to(pipe));
}

TEST_P(EveryWakerWithPort, wake_posts_to_the_latest_port) {
  FdPair first = make_pipe();
  FdPair second = make_pipe();
  waker_.set_port(writes_to(first));
  waker_.set_port(writes_to(second));
  EXPECT_FALSE(writes_itself());
  EXPECT_FALSE(was_posted_to(first));
  EXPECT_TRUE(was_posted_to(second));
  waker_.set_port({});
  EXPECT_TRUE(writes_itself());
  EXPECT_FALSE(was_posted_to(second));
}

TEST_P(EveryWakerWithPort, rebuild_forgets_the_port) {
  FdPair pipe = make_pipe();
  waker_.set_port(writes_to(pipe));
  waker_.rebuild();
  EXPECT_TRUE(writes_itself());
  EXPECT_FALSE(was_posted_to(pipe));
}

TEST_P(EveryWakerWithPort, waker_keeps_one_old_port_at_most_and_closes_all) {
  const std::set<int> before = open_numbers();
  for (int round = 0; round < 5; ++round) {
    waker_.set_port({make_pipe().second, &post_byte});
    EXPECT_LE(open_numbers().size(), before.size() + 2);
    waker_.set_port({});
    EXPECT_EQ(open_numbers().size(), before.size() + 1) << "a wake may still use it";
  }
  waker_.set_port({make_pipe().second, &post_byte});
  const std::size_t ends = is_one_descriptor(kind()) ? 1 : 2;
  waker_.close();
  EXPECT_EQ(open_numbers().size(), before.size() - ends);
}

INSTANTIATE_TEST_SUITE_P(, EveryWakerWithPort, testing::ValuesIn(waker_kinds()),
                         name_of_waker);

}  // namespace
}  // namespace tornado::test
