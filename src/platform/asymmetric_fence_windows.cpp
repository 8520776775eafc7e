// SPDX-License-Identifier: Apache-2.0
#include <windows.h>

#include "platform/asymmetric_fence.h"

namespace tornado {
namespace {

// There FlushProcessWriteBuffers is called a success and does nothing, up to version 8
// at least.
bool runs_under_wine() noexcept {
  const HMODULE ntdll = ::GetModuleHandleW(L"ntdll.dll");
  return ntdll && ::GetProcAddress(ntdll, "wine_get_version");
}

}  // namespace

void use_asymmetric_fences() noexcept {
  static const bool usable = !runs_under_wine();
  fences_are_asymmetric.store(usable);
}

bool heavy_fence() noexcept {
  ::FlushProcessWriteBuffers();
  return true;
}

}  // namespace tornado
