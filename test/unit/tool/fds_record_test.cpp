// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "fds/trace_record.h"

namespace tornado::test {
namespace {

using cli::Crossing;
using cli::Origin;
using cli::OriginPtr;
using cli::TraceRecord;

Crossing crossing(int fd, OriginPtr origin) {
  Crossing one = {};
  one.descriptor.number = fd;
  one.origin = std::move(origin);
  return one;
}

// A thread opens, another one forks, the child executes, and only then does the first
// thread's call return: a rare order, which a test cannot force.
TEST(FdsRecord, is_told_late_who_made_what_crossed_an_exec) {
  const auto early = std::make_shared<const Origin>();
  const auto late = std::make_shared<const Origin>();
  TraceRecord record;
  record.executions.resize(2);
  record.executions[0].pid = 10;
  record.executions[0].crossings = {crossing(5, nullptr), crossing(6, nullptr),
                                    crossing(7, early)};
  record.executions[1].pid = 11;
  record.executions[1].crossings = {crossing(6, nullptr)};
  record.made_late(10, 6, late);
  record.made_late(10, 7, late);
  EXPECT_EQ(record.executions[0].crossings[0].origin, nullptr);
  EXPECT_EQ(record.executions[0].crossings[1].origin, late);
  EXPECT_EQ(record.executions[0].crossings[2].origin, early) << "that was another one";
  EXPECT_EQ(record.executions[1].crossings[0].origin, nullptr);
}

}  // namespace
}  // namespace tornado::test
