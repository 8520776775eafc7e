// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The flags of a descriptor in words.

#include <string>

namespace tornado::cli {

/// "rw,nonblock" of what F_GETFL says.
std::string status_words(int status_flags);

}  // namespace tornado::cli
