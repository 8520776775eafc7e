// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// What a handler waits for, and what it is told.

#include <cstdint>

namespace tornado {

/// Readiness of a descriptor, with Tornado's values of READ, WRITE and ERROR.
enum class Events : std::uint16_t {
  /// Nothing: the registration stays but is paused; not even errors are reported.
  none = 0,
  read = 0x001,
  write = 0x004,
  /// An error or a hang-up. Reported whether asked for or not, and always together
  /// with those of read and write that were asked for, since neither would block.
  error = 0x018,
  /// Report changes only (EPOLLET). Refused by select and poll, which cannot.
  edge = 0x100,
  /// Report once, then pause until update_handler (EPOLLONESHOT). One update_handler
  /// gives one report at most, also when the event waits already. As edge.
  one_shot = 0x200,
};

constexpr Events operator|(Events a, Events b) noexcept {
  return static_cast<Events>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr Events operator&(Events a, Events b) noexcept {
  return static_cast<Events>(static_cast<unsigned>(a) & static_cast<unsigned>(b));
}
constexpr Events operator~(Events a) noexcept {
  return static_cast<Events>(~static_cast<unsigned>(a) & 0x31du);
}
constexpr Events& operator|=(Events& a, Events b) noexcept {
  return a = a | b;
}
constexpr Events& operator&=(Events& a, Events b) noexcept {
  return a = a & b;
}

/// Whether any of the bits in `wanted` is set in `events`.
constexpr bool has(Events events, Events wanted) noexcept {
  return (events & wanted) != Events::none;
}

}  // namespace tornado
