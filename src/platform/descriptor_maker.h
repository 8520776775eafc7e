// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/native.h"

namespace tornado {

/// For the audit: remembers which part of the library made a descriptor. `maker` is a
/// literal, or nullptr to forget it. Numbers from 4096 on are not remembered.
/// Async-signal-safe.
void set_maker(NativeFd fd, const char* maker) noexcept;
/// nullptr if unknown, or if the number leads to another file by now: not every close
/// is a try_close().
const char* maker_of(NativeFd fd) noexcept;

}  // namespace tornado
