// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Acts on a Subprocess that every system tests with a child of its own.

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <system_error>

#include "support/wait.h"
#include "tornado/error.h"
#include "tornado/subprocess.h"

namespace tornado::test {

/// The child runs on.
inline void expect_no_longer_wait_than_asked(Subprocess& child) {
  try {
    child.wait_for_exit(true, std::chrono::milliseconds(1));
    ADD_FAILURE() << "did not throw";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), Errc::timed_out);
  }
}

inline void expect_no_wait_within_a_callback(IOLoop& loop, Subprocess& child) {
  loop.run_sync([&child] {
    try {
      child.wait_for_exit();
      ADD_FAILURE() << "did not throw";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), Errc::loop_running);
    }
  });
  EXPECT_EQ(child.wait_for_exit(true, patience), 0);
}

inline void expect_destruction_in_its_exit_callback(IOLoop& loop,
                                                    const SpawnOptions& options) {
  std::optional<Subprocess> child(std::in_place, options);
  child->set_exit_callback([&](ExitStatus) {
    child.reset();
    loop.stop();
  });
  loop.start();
  EXPECT_FALSE(child);
}

/// The child writes what it reads.
inline void expect_communication_by_callback(IOLoop& loop, Subprocess& child) {
  const auto out = loop.run_sync<std::string>(
      [&child](const Completion<std::string>& completion) {
        child.communicate(
            "abc", [completion](Communicated r) { completion.set_value(r.out); });
      },
      patience);
  EXPECT_EQ(out, "abc");
}

}  // namespace tornado::test
