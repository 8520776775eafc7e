// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <winsock2.h>
// After it.
#include <windows.h>

#include "tornado/native.h"

namespace tornado {

/// Starts Winsock, once in the life of the process. Throws std::system_error.
void use_winsock();

inline HANDLE as_handle(NativeFd fd) noexcept {
  return reinterpret_cast<HANDLE>(fd);
}
inline NativeFd as_fd(HANDLE handle) noexcept {
  return reinterpret_cast<NativeFd>(handle);
}

}  // namespace tornado
