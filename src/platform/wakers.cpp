// SPDX-License-Identifier: Apache-2.0
#include "platform/wake_mechanism.h"

namespace tornado {

std::span<const WakeMechanism* const> wake_mechanisms() noexcept {
  static constexpr const WakeMechanism* table[] = {
#if defined(__linux__)
    &wake_by_eventfd,
#endif
#if defined(TORNADO_HAS_KQUEUE)
    &wake_by_kqueue,
#endif
#if !defined(_WIN32)
    &wake_by_pipe,
    &wake_by_socketpair,
#endif
    &wake_by_tcp_pair,
  };
  return table;
}

std::vector<WakerKind> waker_kinds() {
  std::vector<WakerKind> kinds;
  for (const WakeMechanism* mechanism : wake_mechanisms())
    kinds.push_back(mechanism->kind);
  return kinds;
}

std::string_view to_string(WakerKind kind) noexcept {
  if (kind == WakerKind::best) return "best";
  for (const WakeMechanism* mechanism : wake_mechanisms()) {
    if (mechanism->kind == kind) return mechanism->name;
  }
  return "unknown";
}

}  // namespace tornado
