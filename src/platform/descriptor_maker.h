// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/native.h"

namespace tornado {

/// For the audit: remembers which part of the library a descriptor is of, until it is
/// closed by try_close(). `maker` lives for ever, as literals do. Of numbers from 4096
/// on nothing is known. Async-signal-safe.
void set_maker(NativeFd fd, const char* maker) noexcept;
/// nullptr if unknown.
const char* maker_of(NativeFd fd) noexcept;

}  // namespace tornado
