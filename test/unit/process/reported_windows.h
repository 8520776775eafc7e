// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tornado/spawn.h"

namespace tornado::test {

/// The program that stands beside this one; see child_reporter_windows.cpp.
std::string child_reporter_path();

/// What it told, in the order of telling.
struct Reported {
  std::vector<std::string> handles;
  std::vector<std::string> streams;
  std::vector<std::wstring> runtime_arguments;
  std::vector<std::wstring> system_arguments;
  std::vector<std::string> environment;
  std::string cwd;
};

/// "report" and `options.argv` are its arguments. Throws if it did not end well.
Reported report_of(SpawnOptions options);

/// All that comes out of a child's pipe. Throws if no end comes.
std::string read_all(NativeFd pipe);

/// Into a child's pipe. How many bytes; nothing if the child's end is closed.
std::optional<std::size_t> write_once(NativeFd pipe, std::string_view text);
/// The same, waiting for room. Throws if the child's end is closed.
void write_all(NativeFd pipe, std::string_view text);

/// Options by which the reporter runs with these arguments.
SpawnOptions reporter(std::vector<std::string> arguments);

}  // namespace tornado::test
