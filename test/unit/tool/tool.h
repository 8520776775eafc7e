// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tornado::test {

/// How the command is started.
struct Start {
  std::vector<std::string> arguments;
  /// Besides those of this program, of which TORNADO_*, NO_COLOR, TERM, LANG and LC_*
  /// are taken away.
  std::map<std::string, std::string> environment = {};
  /// In the child, just before it is executed.
  std::function<void()> before_exec = [] {};
  /// Standard output is a terminal with so many columns; 0: it is a pipe.
  unsigned terminal_columns = 0;
  /// Ctrl-C, as soon as this was seen on standard output.
  std::string interrupt_after = {};
};

struct Finish {
  int status = -1;  ///< -1 if a signal ended it
  int signal = 0;
  std::string out;
  std::string err;
};

/// Starts the command and reads all that it says. Ends it if it takes far too long.
Finish run_tornado(const Start& start);

/// `words` as execve() takes them.
std::vector<char*> pointers_to(std::vector<std::string>& words);

std::vector<std::string> lines_of(std::string_view text);
/// Whether `text` has whole UTF-8 characters only.
bool is_utf8(std::string_view text);
inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace tornado::test
