// SPDX-License-Identifier: Apache-2.0
#include "fds/process_text.h"

#include <algorithm>
#include <charconv>
#include <sstream>
#include <system_error>

#include "system/file.h"

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

ProcessState state_in(std::string_view stat) {
  const auto open = stat.find('(');
  const auto close = stat.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos ||
      close < open) {
    return {};
  }
  ProcessState result;
  result.name = stat.substr(open + 1, close - open - 1);
  std::istringstream rest{std::string(stat.substr(close + 1))};
  constexpr unsigned kernel_thread = 0x00200000;
  std::string skipped;
  unsigned flags = 0;
  rest >> result.state;
  for (int i = 0; i < 5; ++i) rest >> skipped;  // ppid pgrp session tty tpgid
  if (rest >> flags) result.is_kernel_thread = (flags & kernel_thread) != 0;
  return result;
}

std::string told_by_proc(pid_t pid, const std::string& file) {
  try {
    return read_file("/proc/" + std::to_string(pid) + "/" + file);
  } catch (const std::system_error&) {
    return {};
  }
}

Family family_in(std::string_view status) {
  return {number_after(status, "\nTgid:"), number_after(status, "\nPPid:")};
}

}  // namespace tornado::cli
