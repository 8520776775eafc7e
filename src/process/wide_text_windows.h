// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tornado {

/// UTF-8 to UTF-16. Throws std::errc::invalid_argument for a NUL byte and
/// std::errc::illegal_byte_sequence for what is no UTF-8, both naming `what`.
std::wstring to_wide(std::string_view text, std::string_view what);

/// UTF-16 to UTF-8. For what people read: half a surrogate pair becomes U+FFFD.
std::string to_utf8(std::wstring_view text);

}  // namespace tornado
