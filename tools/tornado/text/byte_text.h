// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Names of files are bytes. These functions show them where text is expected.

#include <string>
#include <string_view>

#include "text/json.h"

namespace tornado::cli {

[[nodiscard]] bool is_utf8(std::string_view bytes);

/// How many bytes remain without a UTF-8 character whose end is missing.
[[nodiscard]] std::size_t whole_characters(std::string_view bytes);

/// How many columns of a terminal the text fills.
[[nodiscard]] std::size_t columns_of(std::string_view text);

/// The text, or its beginning and "..." if it fills more than `room` columns. Empty if
/// the ellipsis does not fit either. Never cuts a character.
[[nodiscard]] std::string cut(std::string_view text, std::size_t room);

/// Shows control characters, backslashes and bytes that are not UTF-8 as "\x1b". The
/// result is one line without effect on a terminal, and different names look different.
std::string printable(std::string_view bytes);

std::string base64(std::string_view bytes);

/// Sets `key`; if it is not UTF-8, escaped, and then also `key`_bytes in base64.
void set_bytes(Json& object, const std::string& key, std::string_view bytes);

}  // namespace tornado::cli
