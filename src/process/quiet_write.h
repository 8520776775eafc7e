// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "tornado/native.h"

namespace tornado {

/// write(2) into a pipe, but without the SIGPIPE: EPIPE only. EINTR is retried.
long write_quietly(NativeFd fd, const char* data, std::size_t size) noexcept;

}  // namespace tornado
