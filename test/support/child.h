// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>

#include "support/wait.h"

namespace tornado::test {

struct ChildResult {
  int exit_status = -1;  ///< -1 if a signal ended it
  int signal = 0;
  std::string output;  ///< what the body returned
  bool timed_out = false;
};

/// Runs `body` in a forked child, which then leaves by _exit(0), or by _exit(1) when
/// the body throws, with the exception's text as its output. The descriptor that it
/// answers on is close-on-exec and lies at the upper end of what the limit allows. Ends
/// the child at the deadline.
ChildResult run_in_child(const std::function<std::string()>& body,
                         std::chrono::milliseconds deadline = patience);

/// Runs `body`, with the assertions of gtest in it, in a forked child. Success if none
/// failed there; otherwise the failures are in the message:
///   EXPECT_TRUE(passes_in_child([] { EXPECT_EQ(...); }));
testing::AssertionResult passes_in_child(const std::function<void()>& body,
                                         std::chrono::milliseconds deadline = patience);

/// What `question` answers in a forked child, which it may change as it likes.
bool is_true_in_child(const std::function<bool()>& question);

/// Also one that has ended and is not reaped yet.
bool has_children();

}  // namespace tornado::test
