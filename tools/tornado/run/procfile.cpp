// SPDX-License-Identifier: Apache-2.0
#include "run/procfile.h"

#include <algorithm>

#include "command.h"
#include "text/byte_text.h"

namespace tornado::cli {
namespace {

constexpr std::string_view blank_bytes = " \t\r\v\f";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(blank_bytes);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blank_bytes) - begin + 1);
}

bool in_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         c == '_' || c == '-' || c == '.';
}

// A line of a file that is no Procfile may be very long.
std::string shown(std::string_view text) {
  constexpr std::size_t room = 60;
  return cut(printable(text), room);
}

ProcfileEntry parse_line(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) {
    throw UsageError(fmt::format("{}: not \"name: command\"", shown(line)));
  }
  const auto name = trimmed(line.substr(0, colon));
  const auto command = trimmed(line.substr(colon + 1));
  if (name.empty() || !std::ranges::all_of(name, in_name)) {
    throw UsageError(
        fmt::format("{}: not a name of letters, digits, - _ and .", shown(name)));
  }
  if (command.empty()) throw UsageError(fmt::format("{}: no command", name));
  if (command.find('\0') != std::string_view::npos) {
    throw UsageError(fmt::format("{}: a NUL byte in the command", name));
  }
  return {std::string(name), std::string(command)};
}

}  // namespace

std::vector<ProcfileEntry> parse_procfile(std::string_view text) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  std::vector<ProcfileEntry> entries;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    const auto line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    try {
      ProcfileEntry entry = parse_line(line);
      for (const auto& other : entries) {
        if (other.name == entry.name) throw UsageError(entry.name + ": named twice");
      }
      entries.push_back(std::move(entry));
    } catch (const UsageError& error) {
      throw UsageError(fmt::format("line {}: {}", number, error.what()));
    }
  }
  if (entries.empty()) throw UsageError("no commands in it");
  return entries;
}

}  // namespace tornado::cli
