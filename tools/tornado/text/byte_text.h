// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Names of files are bytes; how they are shown where text is expected.

#include <string>
#include <string_view>

#include "text/json.h"

namespace tornado::cli {

[[nodiscard]] bool is_utf8(std::string_view bytes);

/// Control characters, backslashes and what is not UTF-8 as "\x1b": one line, no
/// effect on a terminal, and two names never look the same.
std::string printable(std::string_view bytes);

std::string base64(std::string_view bytes);

/// Sets `key`; if it is not UTF-8, escaped, and then also `key`_bytes in base64.
void set_bytes(Json& object, const std::string& key, std::string_view bytes);

}  // namespace tornado::cli
