// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include "platform/loop_waker.h"
#include "support/child.h"
#include "support/descriptors.h"

namespace tornado::test {
namespace {

FdPair open_null() {
  return {open_file("/dev/null", O_RDONLY), UniqueFd()};
}

/// As a kqueue, which is on every system that has none of its own.
constexpr WakeMechanism uninherited{.kind = WakerKind::kqueue,
                                    .name = "uninherited",
                                    .open = &open_null,
                                    .signal = nullptr,
                                    .drain = nullptr,
                                    .inherited = false};

class UninheritedEnds : public testing::Test {
 protected:
  /// In a child, where the number is free, and then a stranger's.
  void run_in_child_with_stranger(const std::function<void()>& body) {
    EXPECT_TRUE(passes_in_child([&] {
      const UniqueFd null = open_file("/dev/null", O_RDONLY);
      ASSERT_EQ(::dup2(null.get(), number_), number_);
      body();
      EXPECT_TRUE(is_open(number_)) << "it was the stranger's";
    }));
  }
  static bool is_open(NativeFd fd) { return open_numbers().contains(fd); }

  WakeEnds ends_{uninherited};
  const NativeFd number_ = ends_.reader();
};

TEST_F(UninheritedEnds, are_given_back_by_the_process_that_opened_them) {
  EXPECT_TRUE(is_open(number_));
  ends_.release();
  EXPECT_FALSE(is_open(number_));
}

TEST_F(UninheritedEnds, are_not_given_back_by_a_child) {
  run_in_child_with_stranger([this] {
    ends_.release();
    EXPECT_EQ(ends_.reader(), invalid_fd);
  });
  ends_.release();
}

TEST_F(UninheritedEnds, have_another_number_in_a_child_and_are_its_own_then) {
  run_in_child_with_stranger([this] {
    ends_.replace(ends_.open());
    const NativeFd first = ends_.reader();
    EXPECT_NE(first, number_);
    EXPECT_TRUE(is_open(first));
    ends_.replace(ends_.open());
    EXPECT_EQ(ends_.reader(), first) << "it stays in the process that has it";
    ends_.release();
    EXPECT_FALSE(is_open(first));
  });
  ends_.release();
}

}  // namespace
}  // namespace tornado::test
