// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/native.h"

namespace tornado {

/// For the audit: remembers which part of the library made a descriptor. `owner` is a
/// literal, or nullptr to forget it. Numbers from 4096 on are not remembered.
/// Async-signal-safe.
void tag_descriptor(NativeFd fd, const char* owner) noexcept;
/// nullptr if unknown, or if the number leads to another file by now: not every close
/// is a try_close().
const char* owner_tag_of(NativeFd fd) noexcept;

}  // namespace tornado
