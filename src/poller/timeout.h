// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <climits>
#include <ctime>

namespace tornado {

/// A timeout in whole milliseconds, rounded up and at most INT_MAX. -1, which means no
/// limit, if it is negative.
inline int to_milliseconds(std::chrono::nanoseconds timeout) noexcept {
  using std::chrono::milliseconds;
  if (timeout < timeout.zero()) return -1;
  const auto whole = std::chrono::ceil<milliseconds>(timeout).count();
  return static_cast<int>(std::min<milliseconds::rep>(whole, INT_MAX));
}

/// A timeout as a timespec or a structure of the same members. Not negative.
template <class Spec = timespec>
Spec to_timespec(std::chrono::nanoseconds timeout) noexcept {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  Spec spec{};
  spec.tv_sec = static_cast<decltype(spec.tv_sec)>(whole.count());
  spec.tv_nsec = static_cast<decltype(spec.tv_nsec)>((timeout - whole).count());
  return spec;
}

/// A timeout as ppoll, pselect and kevent take it: a null pointer means no limit.
class KernelTimeout {
 public:
  explicit KernelTimeout(std::chrono::nanoseconds timeout) noexcept
      : unlimited_(timeout < timeout.zero()), spec_(to_timespec(timeout)) {}
  [[nodiscard]] const timespec* get() const noexcept {
    return unlimited_ ? nullptr : &spec_;
  }

 private:
  bool unlimited_;
  timespec spec_;
};

}  // namespace tornado
