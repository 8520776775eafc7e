// SPDX-License-Identifier: Apache-2.0
#include "fds/process_text.h"

#include <algorithm>
#include <charconv>

namespace tornado::cli {
namespace {

// "\nTgid:\t4711\n"
pid_t number_after(std::string_view text, std::string_view key) {
  auto at = text.find(key);
  if (at == std::string_view::npos) return 0;
  at = std::min(text.find_first_not_of(" \t", at + key.size()), text.size());
  pid_t number = 0;
  std::from_chars(text.data() + at, text.data() + text.size(), number);
  return number;
}

}  // namespace

std::vector<std::string> arguments_in(std::string_view cmdline) {
  std::vector<std::string> words;
  while (!cmdline.empty()) {
    const auto end = std::min(cmdline.find('\0'), cmdline.size());
    words.emplace_back(cmdline.substr(0, end));
    cmdline.remove_prefix(std::min(end + 1, cmdline.size()));
  }
  return words;
}

Family family_in(std::string_view status) {
  return {number_after(status, "\nTgid:"), number_after(status, "\nPPid:")};
}

}  // namespace tornado::cli
