// SPDX-License-Identifier: Apache-2.0
#include "platform/error_windows.h"
#include "platform/handle_windows.h"
#include "tornado/platform.h"

namespace tornado {
namespace {

// Pseudo handles name the process and its threads, and are not open handles.
bool is_pseudo_handle(NativeFd fd) noexcept {
  constexpr NativeFd names = 16;
  return invalid_fd - fd < names;
}

// The code of the other systems. Windows has one code for every bad handle.
std::error_code error_of_handle() noexcept {
  const std::error_code error = last_windows_error();
  return error == std::errc::bad_file_descriptor
             ? std::make_error_code(std::errc::bad_file_descriptor)
             : error;
}

}  // namespace

void set_close_exec(NativeFd fd, bool on, std::error_code& ec) noexcept {
  ec = std::make_error_code(std::errc::bad_file_descriptor);
  if (is_pseudo_handle(fd)) return;
  const DWORD flag = on ? 0 : HANDLE_FLAG_INHERIT;
  const bool done = ::SetHandleInformation(as_handle(fd), HANDLE_FLAG_INHERIT, flag);
  ec = done ? std::error_code() : error_of_handle();
}

bool is_close_exec(NativeFd fd, std::error_code& ec) noexcept {
  ec = std::make_error_code(std::errc::bad_file_descriptor);
  if (is_pseudo_handle(fd)) return false;
  DWORD flags = 0;
  const bool known = ::GetHandleInformation(as_handle(fd), &flags);
  ec = known ? std::error_code() : error_of_handle();
  return known && !(flags & HANDLE_FLAG_INHERIT);
}

void set_nonblocking(NativeFd fd, bool on, std::error_code& ec) noexcept {
  ec.clear();
  (void)is_close_exec(fd, ec);
  u_long wanted = on;
  if (!ec && ::ioctlsocket(fd, FIONBIO, &wanted) != 0) ec = last_windows_error();
}

// Winsock does not tell.
bool is_nonblocking(NativeFd fd, std::error_code& ec) noexcept {
  ec.clear();
  (void)is_close_exec(fd, ec);
  if (!ec) ec = std::make_error_code(std::errc::not_supported);
  return false;
}

bool same_description(NativeFd a, NativeFd b, std::error_code& ec) noexcept {
  // Looked up, since the import libraries of older SDKs lack it (Windows 10).
  using Compare = BOOL(WINAPI*)(HANDLE, HANDLE);
  static const auto compare = reinterpret_cast<Compare>(reinterpret_cast<void*>(
      ::GetProcAddress(::GetModuleHandleW(L"kernelbase.dll"), "CompareObjectHandles")));
  for (const NativeFd fd : {a, b}) {
    (void)is_close_exec(fd, ec);
    if (ec) return false;
  }
  if (!compare) ec = std::make_error_code(std::errc::not_supported);
  return compare && compare(as_handle(a), as_handle(b));
}

}  // namespace tornado
