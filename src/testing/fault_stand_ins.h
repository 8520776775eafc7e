// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>

#include "testing/fault_calls.h"
#include "testing/fault_ledger.h"

namespace tornado::faults {

template <std::size_t id>
int strike_named() noexcept {
  static_assert(id < calls.size(), "not in the table");
  return strike(id);
}

}  // namespace tornado::faults

/// The error that this call fails with, or 0.
#define TORNADO_STRIKE(name) \
  tornado::faults::strike_named<tornado::faults::call_id(name)>()

/// result, name, what says that it failed, parameters, arguments
#define TORNADO_STAND_IN(Result, name, failure, parameters, arguments) \
  extern "C" Result __real_##name parameters;                          \
  extern "C" Result __wrap_##name parameters;                          \
  extern "C" Result __wrap_##name parameters {                         \
    if (const int error = TORNADO_STRIKE(#name)) {                     \
      errno = error;                                                   \
      return failure;                                                  \
    }                                                                  \
    return __real_##name arguments;                                    \
  }

/// TORNADO_STAND_IN for what moves bytes, and may move fewer: `size` is its parameter.
/// An eventfd takes its eight at once.
#define STAND_IN_OF_BYTES(name, parameters, arguments) \
  extern "C" ssize_t __real_##name parameters;         \
  extern "C" ssize_t __wrap_##name parameters;         \
  extern "C" ssize_t __wrap_##name parameters {        \
    tornado::faults::note_use(fd);                     \
    const int error = TORNADO_STRIKE(#name);           \
    if (error == moves_one_byte) {                     \
      if (size > 8) size = 1;                          \
    } else if (error != 0) {                           \
      errno = error;                                   \
      return -1;                                       \
    }                                                  \
    return __real_##name arguments;                    \
  }
