// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/fd.h"

namespace tornado {

struct LowSlot;

/// A copy of a descriptor under a low number, for as long as this lives. The child's
/// table is copied up to the highest number that it needs, so that one pipe behind
/// thousands of other descriptors would cost as much as all of them.
class LowCopy {
 public:
  /// No copy, if `fd` is low already or no lower number is to be had.
  explicit LowCopy(NativeFd fd);
  LowCopy(LowCopy&& other) noexcept;
  LowCopy& operator=(LowCopy&&) = delete;
  ~LowCopy();

  [[nodiscard]] NativeFd get() const noexcept { return number_; }

 private:
  NativeFd number_;
  LowSlot* slot_ = nullptr;  // that lent it
  UniqueFd own_;
};

}  // namespace tornado
