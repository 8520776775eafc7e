// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tornado/poller_kind.h"
#include "tornado/waker.h"

namespace tornado::torture {

struct Means {
  PollerKind poller = PollerKind::best;
  WakerKind waker = WakerKind::best;
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

}  // namespace tornado::torture
