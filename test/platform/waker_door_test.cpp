// SPDX-License-Identifier: Apache-2.0
// A waker with a door: here a pipe, into which only threads that are told to can send.
#include <unistd.h>

#include "platform/every_waker.h"
#include "platform/thread_door.h"
#include "support/descriptors.h"

namespace tornado::test {
namespace {

bool send_byte(NativeFd door) noexcept {
  return ::write(door, "d", 1) == 1;
}

class EveryWakerWithDoor : public WakerSuite {
 protected:
  void SetUp() override { send_from_this_thread = &send_byte; }
  void TearDown() override { send_from_this_thread = nullptr; }

  /// Whether a wake comes by the waker's own descriptor.
  bool comes_in_itself() {
    (void)waker_.consume();
    waker_.wake();
    const bool came = is_readable(waker_.fileno());
    (void)waker_.consume();
    return came;
  }
  static bool came(const FdPair& door) { return drain(door.first.get()) > 0; }

  Waker waker_{kind()};
};

TEST_P(EveryWakerWithDoor, is_woken_by_a_message_from_those_who_can_send_one) {
  FdPair door = make_pipe();
  waker_.set_door(std::move(door.second));
  EXPECT_FALSE(comes_in_itself());
  EXPECT_TRUE(came(door));
  send_from_this_thread = nullptr;
  EXPECT_TRUE(comes_in_itself());
  send_from_this_thread = [](NativeFd) noexcept { return false; };
  EXPECT_TRUE(comes_in_itself());
  EXPECT_FALSE(came(door));
}

TEST_P(EveryWakerWithDoor, is_woken_by_the_latest_door) {
  FdPair first = make_pipe();
  FdPair second = make_pipe();
  waker_.set_door(std::move(first.second));
  waker_.set_door(std::move(second.second));
  EXPECT_FALSE(comes_in_itself());
  EXPECT_FALSE(came(first));
  EXPECT_TRUE(came(second));
  waker_.set_door({});
  EXPECT_TRUE(comes_in_itself());
  EXPECT_FALSE(came(second));
}

TEST_P(EveryWakerWithDoor, forgets_it_when_it_is_rebuilt) {
  FdPair door = make_pipe();
  waker_.set_door(std::move(door.second));
  waker_.rebuild();
  EXPECT_TRUE(comes_in_itself());
  EXPECT_FALSE(came(door));
}

TEST_P(EveryWakerWithDoor, keeps_one_old_door_at_most_and_closes_all) {
  const std::set<int> before = open_numbers();
  for (int round = 0; round < 5; ++round) {
    waker_.set_door(make_pipe().second);
    EXPECT_LE(open_numbers().size(), before.size() + 2);
    waker_.set_door({});
    EXPECT_EQ(open_numbers().size(), before.size() + 1) << "who may still use it?";
  }
  waker_.set_door(make_pipe().second);
  const std::size_t ends = is_one_descriptor(kind()) ? 1 : 2;
  waker_.close();
  EXPECT_EQ(open_numbers().size(), before.size() - ends);
}

INSTANTIATE_TEST_SUITE_P(, EveryWakerWithDoor, testing::ValuesIn(waker_kinds()),
                         name_of_waker);

}  // namespace
}  // namespace tornado::test
