// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "tornado/poller_kind.h"
#include "tornado/waker.h"

namespace tornado::torture {

struct Means {
  PollerKind poller = PollerKind::best;
  WakerKind waker = WakerKind::best;
  /// Ends a wait for something that was lost. A wait that is cut into
  /// pieces because the waker is broken is shorter.
  std::chrono::milliseconds patience{300};
};

/// A piece of a program's life. Gives back whether all came out as it should; what the
/// library reports it throws.
struct Scenario {
  std::string name;
  bool (*run)(const Means&);
  Means means;
};

/// Each with each of the means that it depends on: "threads/epoll/eventfd".
std::vector<Scenario> scenarios();

/// One that is to be had with each of those means.
struct Family {
  std::string name;
  bool (*run)(const Means&);
  bool pollers = true;
  bool wakers = true;
};
std::vector<Family> loop_scenarios();
std::vector<Family> thread_scenarios();
std::vector<Family> process_scenarios();
std::vector<Family> stream_scenarios();
std::vector<Family> task_scenarios();

}  // namespace tornado::torture
