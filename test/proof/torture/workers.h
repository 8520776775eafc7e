// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "trial.h"

namespace tornado::torture {

/// How many of each verdict, and how many bad ones.
struct Tally {
  std::array<std::size_t, verdict_count> verdicts{};
  std::size_t bad = 0;
};

/// All of them, by `jobs` processes, each with a ledger of its own. The bad ones are
/// printed as they are found.
Tally run_all(const std::vector<Trial>& trials, unsigned jobs);

/// Likewise; how often each runs each call when nothing fails. Those that do not come
/// out right are printed, and counted as bad.
std::vector<std::vector<std::uint32_t>> count_calls(
    const std::vector<Scenario>& scenarios, unsigned jobs, std::size_t& bad);

}  // namespace tornado::torture
