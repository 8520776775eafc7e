// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <system_error>
#include <utility>

#include "tornado/error.h"
#include "tornado/gen.h"
#include "tornado/task_group.h"
#include "tornado/testing.h"

namespace tornado::test {

using namespace std::chrono_literals;

template <class F>
Task<void> call(F body) {
  co_await body();
}

/// The error that `act` throws; none if it does not.
template <class F>
std::error_code error_of(F act) {
  try {
    act();
  } catch (const std::system_error& error) {
    return error.code();
  }
  return {};
}

/// The same for a function that makes a task.
template <class F>
Task<std::error_code> error_of_task(F act) {
  try {
    co_await act();
  } catch (const std::system_error& error) {
    co_return error.code();
  }
  co_return std::error_code();
}

inline std::error_code invalid_argument() {
  return std::make_error_code(std::errc::invalid_argument);
}

/// A loop in simulated time whose tests are tasks.
class Stage : public SimulatedLoop<testing::Test> {
 protected:
  template <class F>
  void play(F body) {
    loop.run_sync(call(std::move(body)));
  }
  /// Every task that can go on has done so.
  static Task<void> settle() {
    for (int turn = 0; turn < 4; ++turn) co_await moment();
  }
};

}  // namespace tornado::test
