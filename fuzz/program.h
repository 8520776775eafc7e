// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fuzz/input.h"

namespace tornado::fuzz {

/// Descriptors are named by their place, 0 ... places-1.
inline constexpr std::size_t places = 8;

/// One operation; its parameters are what Player makes of `place` and `value`.
struct Op {
  enum class Kind : std::uint8_t {
    open,
    duplicate,
    close,
    close_late,
    write,
    fill,
    drain,
    add_handler,
    update_handler,
    remove_handler,
    add_callback,
    spawn_callback,
    from_signal,
    call_at,
    remove_timeout,
    update_timeout,
    stop,
    leave,
    start,
    policy,
    close_loop,
    fork
  };

  Kind kind;
  std::size_t place;
  unsigned value;
  std::vector<Op> body;  ///< what the callable does that is added
};

using Program = std::vector<Op>;

Program decode(Input& input);

/// For people, one operation a line.
std::string to_text(const Program& program, int indent = 0);

}  // namespace tornado::fuzz
