// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "stretch.h"

namespace tornado::test {
namespace {

/// Fails the run if it was of every scenario, and a point was stretched in none.
class Coverage : public testing::Environment {
 public:
  void TearDown() override {
    const bool of_all = testing::GTEST_FLAG(filter) == "*";
    if (!of_all || testing::UnitTest::GetInstance()->Failed()) return;
    for (int i = 0; i < sync_points; ++i) {
      EXPECT_TRUE(stretched_points()[static_cast<std::size_t>(i)])
          << name_of(static_cast<SyncPoint>(i)) << " is in no scenario";
    }
  }
};

}  // namespace
}  // namespace tornado::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::AddGlobalTestEnvironment(new tornado::test::Coverage);
  return RUN_ALL_TESTS();
}
