// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <ctime>

namespace tornado {

/// A timeout as ppoll and pselect take it: a pointer to nanoseconds, or null for ever.
class KernelTimeout {
 public:
  explicit KernelTimeout(std::chrono::nanoseconds timeout) noexcept
      : forever_(timeout < timeout.zero()) {
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(timeout);
    spec_.tv_sec = static_cast<decltype(spec_.tv_sec)>(whole.count());
    spec_.tv_nsec = static_cast<decltype(spec_.tv_nsec)>((timeout - whole).count());
  }
  [[nodiscard]] const timespec* get() const noexcept {
    return forever_ ? nullptr : &spec_;
  }

 private:
  bool forever_;
  timespec spec_{};
};

}  // namespace tornado
