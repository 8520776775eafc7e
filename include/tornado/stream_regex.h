// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Reads of a stream up to a match of a regular expression. Not part of
/// tornado/iostream.h, since std::regex needs a large header.

#include <memory>
#include <regex>
#include <string_view>

#include "tornado/iostream.h"

namespace tornado {

/// Reads up to the end of the first match of `pattern`. The expression sees the bytes
/// that are there: an open end such as "[0-9]+" may match a part of what is to come.
[[nodiscard]] inline detail::StringRead read_until_regex(
    IOStream& stream, const std::regex& pattern, const ReadOptions& options = {}) {
  auto match = [kept = std::make_shared<const std::regex>(pattern)](
                   std::string_view text) -> std::size_t {
    std::cmatch found;
    const char* const end = text.data() + text.size();
    if (!std::regex_search(text.data(), end, found, *kept)) return text.npos;
    return static_cast<std::size_t>(found.position() + found.length());
  };
  return stream.read_until_match(std::move(match), options);
}

}  // namespace tornado
