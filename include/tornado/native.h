// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// What the operating system calls a descriptor, and how the library is exported.
/// The only public header that asks which system it is compiled for.

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
/// There is tornado/fork_processes.h.
#define TORNADO_HAS_FORK
#endif

namespace tornado {

#if defined(_WIN32)
/// A SOCKET or HANDLE, borrowed.
using NativeFd = std::uintptr_t;
inline constexpr NativeFd invalid_fd = ~NativeFd{0};
#else
/// A file descriptor, borrowed: who holds a NativeFd never closes it. See UniqueFd.
using NativeFd = int;
inline constexpr NativeFd invalid_fd = -1;
#endif

}  // namespace tornado
