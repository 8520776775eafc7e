// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <fstream>
#include <iterator>
#include <string>

#include "support/wait.h"

namespace tornado::test {

/// Until that thread of this process waits for something in the kernel.
inline void await_sleep_of(pid_t thread) {
  EXPECT_TRUE(
      wait_until([path = "/proc/self/task/" + std::to_string(thread) + "/stat"] {
        std::ifstream file(path);
        const std::string text(std::istreambuf_iterator<char>(file), {});
        return text.find(") S ") != text.npos;
      }));
}

}  // namespace tornado::test
