// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

namespace tornado {

/// The return addresses of the calling thread, innermost first. How many there are.
/// The first call may load a library; the others are async-signal-safe.
int take_backtrace(std::span<void*> frames) noexcept;

/// "program(function+0x1f) [0x5581c0de]", as much of it as is known.
std::string frame_text(void* frame);

}  // namespace tornado
