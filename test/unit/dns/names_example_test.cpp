// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <utility>

#include "support/wait.h"
#include "tornado/ioloop.h"
#include "tornado/subprocess.h"
#include "tornado/task.h"

namespace tornado::test {
namespace {

TEST(CaresExample, prints_the_addresses_of_each_name) {
  IOLoop loop;
  const auto run = []() -> Task<void> {
    SpawnOptions options;
    options.argv = {NAMES, "localhost", "192.0.2.1"};
    options.out = Subprocess::STREAM;
    Subprocess names(std::move(options));
    EXPECT_EQ(co_await names.out()->read_until_close(),
              "localhost: 127.0.0.1 ::1\n192.0.2.1: 192.0.2.1\n");
    EXPECT_EQ((co_await names.exited()).returncode, 0);
  };
  loop.run_sync(run, patience);
}

}  // namespace
}  // namespace tornado::test
