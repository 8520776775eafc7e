// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "poller/poller.h"
#include "tornado/loop_types.h"
#include "tornado/time.h"

namespace tornado {

/// The token of the waker in the loop's poller.
inline constexpr Token waker_token = ~Token{0};

/// Replaces the clock and the wait of a loop, for the test kit. A loop without hooks
/// pays for the test of a null pointer.
class LoopHooks {
 public:
  virtual ~LoopHooks() = default;
  /// For LoopOptions::hooks.
  [[nodiscard]] LoopHooksReference reference() noexcept {
    LoopHooksReference result;
    result.hooks_ = this;
    return result;
  }
  /// Null if there are none.
  [[nodiscard]] static LoopHooks* of(const LoopHooksReference& reference) noexcept {
    return reference.hooks_;
  }
  /// Any thread.
  [[nodiscard]] virtual TimePoint now() const noexcept = 0;
  /// Returns the poller that the loop uses instead of `poller`.
  virtual std::unique_ptr<Poller> over(std::unique_ptr<Poller> poller) = 0;
};

}  // namespace tornado
