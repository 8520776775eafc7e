// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <concepts>

namespace tornado {

/// syscall(2) with each number as wide as a register: the upper half of a narrow
/// variadic argument may be anything, and some calls look at it.
template <class... Args>
inline long system_call(long number, Args... args) noexcept {
  [[maybe_unused]] constexpr auto word = []<class T>(T value) {
    if constexpr (std::integral<T>) {
      return static_cast<long>(value);
    } else {
      return value;
    }
  };
  return ::syscall(number, word(args)...);
}

}  // namespace tornado
