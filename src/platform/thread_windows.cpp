// SPDX-License-Identifier: Apache-2.0
#include <windows.h>

#include <utility>

#include "platform/thread.h"

namespace tornado {
namespace {

// Up to Wine 8 at least, FlushProcessWriteBuffers does nothing and reports success.
bool runs_under_wine() noexcept {
  const HMODULE ntdll = ::GetModuleHandleW(L"ntdll.dll");
  return ntdll && ::GetProcAddress(ntdll, "wine_get_version");
}

}  // namespace

int current_cpu() noexcept {
  constexpr int group_size = 64;
  PROCESSOR_NUMBER number{};
  ::GetCurrentProcessorNumberEx(&number);
  return number.Group * group_size + number.Number;
}

void use_asymmetric_fences() noexcept {
  static const bool usable = !runs_under_wine();
  fences_are_asymmetric.store(usable);
}

bool heavy_fence() noexcept {
  ::FlushProcessWriteBuffers();
  return true;
}

// No signal of Windows interrupts a thread.
std::thread start_thread_with_signals_blocked(UniqueFunction<void()> body) {
  return std::thread(std::move(body));
}

}  // namespace tornado
