// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tornado {

/// Has the cache line fetched while other work goes on. Any address will do.
inline void prefetch_line(const void* address) noexcept {
#if defined(__GNUC__)
  __builtin_prefetch(address);
#else
  (void)address;
#endif
}

}  // namespace tornado
