// SPDX-License-Identifier: Apache-2.0
#include "platform/gate.h"

#include <gtest/gtest.h>

#include "platform/std_memory.h"

namespace tornado::test {
namespace {

class GateTest : public testing::Test {
 protected:
  Gate<StdMemory> gate_;
};

TEST_F(GateTest, says_who_is_the_last_to_whoever_shuts_it_when_nobody_is_in) {
  EXPECT_TRUE(gate_.enter());
  EXPECT_FALSE(gate_.leave());
  EXPECT_TRUE(gate_.shut());
  EXPECT_FALSE(gate_.shut());
  EXPECT_FALSE(gate_.enter());
  EXPECT_FALSE(gate_.leave());
}

TEST_F(GateTest, says_who_is_the_last_to_whoever_leaves_it_then) {
  EXPECT_TRUE(gate_.enter());
  EXPECT_TRUE(gate_.enter());
  EXPECT_FALSE(gate_.shut());
  EXPECT_FALSE(gate_.shut());
  EXPECT_FALSE(gate_.leave());
  EXPECT_TRUE(gate_.leave());
  EXPECT_FALSE(gate_.shut());
}

TEST_F(GateTest, forgets_who_was_in_when_they_are_evicted) {
  EXPECT_TRUE(gate_.enter());
  gate_.evict();
  EXPECT_TRUE(gate_.enter());
  EXPECT_FALSE(gate_.leave());
  EXPECT_TRUE(gate_.shut());
  gate_.evict();
  EXPECT_FALSE(gate_.enter()) << "it stays shut";
}

}  // namespace
}  // namespace tornado::test
