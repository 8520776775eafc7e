// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The system's type of a descriptor, and the export of the library's symbols. No other
/// public header depends on the system.

#if defined(_WIN32)
#include <cstdint>
#if defined(TORNADO_SHARED) && defined(TORNADO_BUILDING)
#define TORNADO_API __declspec(dllexport)
#elif defined(TORNADO_SHARED)
#define TORNADO_API __declspec(dllimport)
#else
#define TORNADO_API
#endif
#else
#define TORNADO_API __attribute__((visibility("default")))
/// The system has fork(), and the library tornado/fork_processes.h.
#define TORNADO_HAS_FORK
#endif

namespace tornado {

#if defined(_WIN32)
/// A SOCKET or HANDLE. Its owner closes it: see UniqueFd.
using NativeFd = std::uintptr_t;
inline constexpr NativeFd invalid_fd = ~NativeFd{0};
#else
/// A file descriptor. Its owner closes it: see UniqueFd.
using NativeFd = int;
inline constexpr NativeFd invalid_fd = -1;
#endif

}  // namespace tornado
