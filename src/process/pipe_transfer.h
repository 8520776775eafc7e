// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "tornado/native.h"

namespace tornado {

/// What came of reading from a child's pipe, or of writing into it.
enum class Transfer { some, none_now, closed };

struct Transferred {
  Transfer what;
  std::size_t size = 0;
};

/// Reads once; `closed` is the end of file. Throws what else there is.
Transferred read_from_child(NativeFd pipe, std::span<char> bytes);

/// Writes once; `closed` if nobody reads any more, without a signal. Throws what else
/// there is.
Transferred write_to_child(NativeFd pipe, std::span<const char> bytes);

}  // namespace tornado
