// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "support/pollers.h"
#include "tornado/fd.h"
#include "tornado/ioloop.h"
#include "tornado/registration.h"

namespace tornado::test {

using namespace std::chrono_literals;

/// More than a loop takes in some 50 ms when it sleeps, less than when it spins. Sleeps
/// are cut short now and then: by signals, and by the kernel while it ends an io_uring
/// that this thread had before.
constexpr std::uint64_t few_turns = 300;

/// A test that runs on a loop of every poller.
class EveryLoop : public testing::TestWithParam<PollerKind> {
 protected:
  void SetUp() override { TORNADO_SKIP_IF_REPLACED(GetParam(), loop.poller()); }

  /// Ends start() with a failure when a test that ought to stop the loop does not.
  void start() {
    const Timeout alarm(loop, 60s, [this] {
      ADD_FAILURE() << "the loop was not stopped";
      loop.stop();
    });
    loop.start();
  }
  /// Runs what waits now, looks at the descriptors once, and runs their handlers.
  void turn() {
    loop.add_callback([this] { loop.add_callback([this] { loop.stop(); }); });
    start();
  }

  IOLoop loop{GetParam()};
};

/// A handler that does nothing.
inline constexpr auto ignore_events = [](NativeFd, Events) {};

/// The code of the std::system_error that `body` throws; none if it does not.
template <class F>
std::error_code error_of(F body) {
  try {
    body();
  } catch (const std::system_error& error) {
    return error.code();
  }
  return {};
}

/// Its text.
template <class F>
std::string text_of(F body) {
  try {
    body();
  } catch (const std::system_error& error) {
    return error.what();
  }
  return {};
}

}  // namespace tornado::test

/// Instantiates `suite` on every poller.
#define TORNADO_ON_EVERY_POLLER(suite)                                          \
  INSTANTIATE_TEST_SUITE_P(, suite, testing::ValuesIn(tornado::poller_kinds()), \
                           tornado::test::name_of_poller)
