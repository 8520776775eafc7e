// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "poller/poller.h"
#include "tornado/time.h"

namespace tornado {

/// Of the loop's own descriptor in its poller.
inline constexpr Token waker_token = ~Token{0};

/// What a loop reads the time from and waits with, where that is not the system: the
/// test kit. One that has none pays for a pointer that is null, beside the clock.
class LoopSeam {
 public:
  virtual ~LoopSeam() = default;
  /// Any thread.
  [[nodiscard]] virtual TimePoint now() const noexcept = 0;
  /// A poller that the loop waits with in the place of `poller`.
  virtual std::unique_ptr<Poller> over(std::unique_ptr<Poller> poller) = 0;
};

}  // namespace tornado
