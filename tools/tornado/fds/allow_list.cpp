// SPDX-License-Identifier: Apache-2.0
#include "fds/allow_list.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include "command.h"
#include "text/byte_text.h"

namespace tornado::cli {
namespace {

std::optional<int> number_in(std::string_view text) {
  int number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || number < 0) return {};
  return number;
}

}  // namespace

AllowList::AllowList(const std::string& items) {
  if (items.empty()) return;
  for (std::size_t begin = 0; begin <= items.size();) {
    const auto comma = std::min(items.find(',', begin), items.size());
    add(items.substr(begin, comma - begin));
    begin = comma + 1;
  }
}

void AllowList::add(const std::string& item) {
  if (item.empty()) throw UsageError("--allow: an item is empty");
  const std::string_view text(item);
  const auto dash = std::min(text.find('-'), text.size());
  const auto first = number_in(text.substr(0, dash));
  const auto last = dash == text.size() ? first : number_in(text.substr(dash + 1));
  if (!first || !last) {
    patterns_.push_back(item);
  } else if (*first > *last) {
    throw UsageError(fmt::format("--allow {}: the range is empty", printable(item)));
  } else {
    ranges_.push_back({*first, *last});
  }
}

bool AllowList::contains(const DescriptorInfo& descriptor,
                         const std::string& detail) const {
  const bool by_number = std::ranges::any_of(ranges_, [&](const Range& range) {
    return range.first <= descriptor.number && descriptor.number <= range.last;
  });
  return by_number || std::ranges::any_of(patterns_, [&](const auto& pattern) {
           const std::array texts = {&descriptor.kind, &descriptor.target, &detail};
           return std::ranges::any_of(texts, [&](const std::string* text) {
             return ::fnmatch(pattern.c_str(), text->c_str(), 0) == 0;
           });
         });
}

}  // namespace tornado::cli
