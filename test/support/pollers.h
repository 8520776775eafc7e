// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tornado/poller_kind.h"

namespace tornado::test {

/// Those of poller_kinds() that neither the kernel nor a filter forbids here.
std::vector<PollerKind> working_poller_kinds();

bool works_here(PollerKind kind);

/// For suites whose parameter is the poller.
inline std::string name_of_poller(const testing::TestParamInfo<PollerKind>& test) {
  return std::string(to_string(test.param));
}

}  // namespace tornado::test

/// Passes over a test of a poller that another one stands in for here.
#define TORNADO_SKIP_IF_REPLACED(wanted, got) \
  if ((wanted) != (got))                      \
  GTEST_SKIP() << to_string(wanted) << " is forbidden here, or not in this kernel"
