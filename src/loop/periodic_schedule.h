// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/time.h"

namespace tornado {

/// The tick after `scheduled`, by whole steps: the first that lies after `now`, but at
/// least one step on, also if the clock went back.
inline TimePoint next_tick(TimePoint scheduled, TimePoint now,
                           std::chrono::nanoseconds step) noexcept {
  const auto late = now - scheduled;
  const auto steps = late < late.zero() ? 1 : late / step + 1;
  return Delay(steps * step).after(scheduled);
}

}  // namespace tornado
