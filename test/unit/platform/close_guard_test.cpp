// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "platform/std_atomics.h"
#include "platform/wake_protocol.h"

namespace tornado::test {
namespace {

class CloseGuardTest : public testing::Test {
 protected:
  CloseGuard<StdAtomics> guard_;
};

TEST_F(CloseGuardTest, close_without_references_returns_true) {
  EXPECT_TRUE(guard_.acquire());
  EXPECT_FALSE(guard_.release());
  EXPECT_TRUE(guard_.close());
  EXPECT_FALSE(guard_.close());
  EXPECT_FALSE(guard_.acquire());
  EXPECT_FALSE(guard_.release());
}

TEST_F(CloseGuardTest, last_release_after_close_returns_true) {
  EXPECT_TRUE(guard_.acquire());
  EXPECT_TRUE(guard_.acquire());
  EXPECT_FALSE(guard_.close());
  EXPECT_FALSE(guard_.close());
  EXPECT_FALSE(guard_.release());
  EXPECT_TRUE(guard_.release());
  EXPECT_FALSE(guard_.close());
}

TEST_F(CloseGuardTest, reset_after_fork_forgets_references_and_keeps_it_closed) {
  EXPECT_TRUE(guard_.acquire());
  guard_.reset_after_fork();
  EXPECT_TRUE(guard_.acquire());
  EXPECT_FALSE(guard_.release());
  EXPECT_TRUE(guard_.close());
  guard_.reset_after_fork();
  EXPECT_FALSE(guard_.acquire()) << "it stays closed";
}

}  // namespace
}  // namespace tornado::test
