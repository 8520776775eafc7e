// SPDX-License-Identifier: Apache-2.0
#include "platform/winsock.h"
#include "tornado/platform.h"

namespace tornado {

bool same_description(NativeFd a, NativeFd b, std::error_code& ec) noexcept {
  // Since Windows 10, and in no header that was there before.
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
