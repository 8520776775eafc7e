// SPDX-License-Identifier: Apache-2.0
// A maker that runs out of descriptors half-way leaves none behind.
#include <gtest/gtest.h>

#include "platform/fd_makers.h"
#include "support/child.h"
#include "support/descriptors.h"
#include "support/limits.h"

namespace tornado::test {
namespace {

class EveryMakerAtTheLimit : public testing::TestWithParam<Maker> {
 protected:
  void SetUp() override {
    if (!descriptor_limit_holds()) GTEST_SKIP() << "not every call keeps to a limit";
  }
};

/// With 0, 1 and 2 open or closed, under every limit near the number of open
/// descriptors.
void sweep(const Maker& maker) {
  const std::set<int> before = open_numbers();
  bool succeeded = false;
  bool failed = false;
  const int lowest_free = [&before] {
    int fd = 0;
    while (before.contains(fd)) ++fd;
    return fd;
  }();
  for (int room = 0; room <= 8; ++room) {
    try {
      const DescriptorLimit limit(static_cast<rlim_t>(lowest_free + room));
      const auto made = maker.make();
      succeeded = true;
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code(), std::errc::too_many_files_open) << e.what();
      failed = true;
    }
    EXPECT_EQ(open_numbers(), before) << "with room for " << room;
  }
  EXPECT_TRUE(failed);
  EXPECT_TRUE(succeeded);
}

TEST_P(EveryMakerAtTheLimit, leaves_nothing_behind_when_it_fails) {
  EXPECT_TRUE(passes_in_child([] { sweep(GetParam()); }));
}

TEST_P(EveryMakerAtTheLimit, leaves_nothing_behind_when_0_1_and_2_are_free) {
  EXPECT_TRUE(passes_in_child([] {
    for (int fd = 0; fd < 3; ++fd) (void)try_close(fd);
    sweep(GetParam());
  }));
}

INSTANTIATE_TEST_SUITE_P(, EveryMakerAtTheLimit, testing::ValuesIn(makers()),
                         name_of_maker);

}  // namespace
}  // namespace tornado::test
