// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The events of a descriptor.

#include <cstdint>

namespace tornado {

/// Readiness of a descriptor. The values are those of Tornado's READ, WRITE and ERROR.
enum class Events : std::uint16_t {
  /// Pauses the handler: the loop reports no event, and no error.
  none = 0,
  read = 0x001,
  write = 0x004,
  /// An error or a hang-up. The loop reports it even if the handler did not ask for it.
  /// The handler gets it together with the read and write that it asked for.
  error = 0x018,
  /// Reports changes only (EPOLLET). select and poll throw std::errc::not_supported.
  edge = 0x100,
  /// Reports once, and then pauses until update_handler (EPOLLONESHOT). Each
  /// update_handler gives one report at most, also if the event is there already.
  /// select and poll throw std::errc::not_supported.
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

/// Whether `events` has any bit of `wanted`.
constexpr bool has(Events events, Events wanted) noexcept {
  return (events & wanted) != Events::none;
}

}  // namespace tornado
