// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "tornado/task.h"
#include "tornado/testing.h"

namespace tornado::test {

/// A local of a task. Its live objects are counted.
class Local {
 public:
  Local() noexcept { ++live; }
  Local(const Local&) noexcept { ++live; }
  Local& operator=(const Local&) = default;
  ~Local() { --live; }
  static inline int live = 0;
};

/// A task that ends by itself, and leaves nothing behind.
struct Scenario {
  const char* name;
  Task<> (*make)(Simulation&);
  bool costly = false;  // it has children, threads, or handshakes
};

/// For every primitive that a task can wait for.
std::span<const Scenario> suspension_scenarios();

}  // namespace tornado::test
