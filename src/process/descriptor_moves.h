// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "process/child_task.h"

namespace tornado {

/// How the child brings its descriptors to their numbers.
struct DescriptorPlan {
  std::vector<DescriptorMove>
      moves;                    // in an order that overwrites nothing still needed
  std::vector<int> kept;        // the numbers that stay, ascending
  unsigned first_unneeded = 0;  // one more than the highest that is moved
};

/// `wanted` are moves that happen as if at once: no two have the same `to`.
DescriptorPlan plan_descriptors(std::vector<DescriptorMove> wanted);

}  // namespace tornado
