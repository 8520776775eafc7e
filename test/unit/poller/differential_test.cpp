// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdio>

#include "poller/comparable.h"
#include "poller/differential_script.h"

namespace tornado::test {
namespace {

TEST(Pollers, tell_the_same_of_the_same_random_life) {
  const std::uint64_t seed = test_seed();
  const std::uint64_t steps = scaled(script_steps);
  const auto kinds = comparable_kinds();
  DifferentialScript script(seed, kinds);
  for (std::uint64_t step = 0; step < steps; ++step) {
    ASSERT_TRUE(script.step())
        << "step " << step << " of TORNADO_TEST_SEED=" << seed << "\n"
        << script.story();
  }
  std::printf("%llu steps, %llu events agreed upon by %zu pollers\n",
              static_cast<unsigned long long>(steps),
              static_cast<unsigned long long>(script.events()), kinds.size());
}

}  // namespace
}  // namespace tornado::test
