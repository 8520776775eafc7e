// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <winsock2.h>
// After it.
#include <windows.h>

#include <utility>

#include "tornado/native.h"

namespace tornado {

inline HANDLE as_handle(NativeFd fd) noexcept {
  return reinterpret_cast<HANDLE>(fd);
}
inline NativeFd as_fd(HANDLE handle) noexcept {
  return reinterpret_cast<NativeFd>(handle);
}

/// Owns a handle that CloseHandle closes, which is not a socket. Windows has two values
/// for no handle, a null pointer and INVALID_HANDLE_VALUE. Here it is always null.
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

/// Starts Winsock, once per process. Throws std::system_error.
void use_winsock();

/// False for every other kind of handle, and before use_winsock().
bool is_socket(NativeFd fd) noexcept;
/// Throws std::system_error for a handle that is not a socket: Winsock waits for
/// sockets only. Starts Winsock.
void check_socket(const char* act, NativeFd fd);

/// As open(2), with the flags of <fcntl.h>: _O_RDONLY, _O_WRONLY, _O_RDWR, _O_APPEND,
/// _O_CREAT, _O_TRUNC, _O_EXCL. The system ignores the flags for text and binary mode.
/// Without the owner's permission to write in `mode`, a new file is read-only. Other
/// programs may read, write and delete the file while it is open. Not inheritable.
/// Returns invalid_fd, and sets GetLastError(), on failure.
NativeFd open_path(const wchar_t* path, int flags, unsigned mode) noexcept;

}  // namespace tornado
