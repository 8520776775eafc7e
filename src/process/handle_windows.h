// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "platform/error_windows.h"
#include "platform/handle_windows.h"
#include "platform/system_error.h"

namespace tornado {

/// Owns what CloseHandle closes: no socket. The functions of Windows mean "none" now by
/// a null pointer and now by INVALID_HANDLE_VALUE; here it is always null.
class UniqueHandle {
 public:
  UniqueHandle() noexcept = default;
  explicit UniqueHandle(HANDLE handle) noexcept
      : handle_(handle == INVALID_HANDLE_VALUE ? nullptr : handle) {}
  UniqueHandle(UniqueHandle&& other) noexcept : handle_(other.release()) {}
  UniqueHandle& operator=(UniqueHandle&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~UniqueHandle() { reset(); }

  [[nodiscard]] HANDLE get() const noexcept { return handle_; }
  explicit operator bool() const noexcept { return handle_ != nullptr; }
  [[nodiscard]] HANDLE release() noexcept { return std::exchange(handle_, nullptr); }
  void reset(HANDLE handle = nullptr) noexcept {
    if (HANDLE old = std::exchange(handle_, handle)) ::CloseHandle(old);
  }

 private:
  HANDLE handle_ = nullptr;
};

}  // namespace tornado
