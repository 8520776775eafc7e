// SPDX-License-Identifier: Apache-2.0
#include "process/command_line.h"

#include <algorithm>

#include "platform/system_error.h"

namespace tornado {
namespace {

[[noreturn]] void refuse(std::size_t index, std::string_view why,
                         std::string_view value) {
  throw_error(
      std::make_error_code(std::errc::invalid_argument),
      "spawn: " + std::string(why) + " in argv[" + std::to_string(index) + "] " +
          std::string(value.data(), value.find('\0') == value.npos ? value.size()
                                                                   : value.find('\0')));
}

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool ends_with(std::string_view text, std::string_view lower_ending) noexcept {
  return text.size() >= lower_ending.size() &&
         std::equal(lower_ending.begin(), lower_ending.end(),
                    text.end() - static_cast<std::ptrdiff_t>(lower_ending.size()),
                    [](char a, char b) { return a == lower(b); });
}

// Of no meaning to any parser that is known, unless quotes surround it.
bool is_plain(char c) noexcept {
  constexpr std::string_view marks = "+-./:=\\_";
  const auto byte = static_cast<unsigned char>(c);
  return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
         byte >= 0x80 || marks.find(c) != marks.npos;
}

bool needs_quotes(std::string_view argument) noexcept {
  return argument.empty() || !std::all_of(argument.begin(), argument.end(), is_plain);
}

// No backslash escapes anything there, not even before the closing quote.
void append_program(std::string& line, std::string_view program) {
  if (program.find('"') != program.npos) refuse(0, "double quote", program);
  line += '"';
  line += program;
  line += '"';
}

// A backslash stands for itself, unless a double quote follows the row that it is in.
void append_quoted(std::string& line, std::string_view argument) {
  line += '"';
  std::size_t backslashes = 0;
  for (const char c : argument) {
    if (c == '"') line.append(backslashes + 1, '\\');
    backslashes = c == '\\' ? backslashes + 1 : 0;
    line += c;
  }
  line.append(backslashes, '\\');
  line += '"';
}

}  // namespace

std::string join_command_line(const std::vector<std::string>& argv) {
  std::string line;
  for (std::size_t i = 0; i < argv.size(); ++i) {
    if (argv[i].find('\0') != std::string::npos) refuse(i, "NUL byte", argv[i]);
    if (i == 0) {
      append_program(line, argv[i]);
      continue;
    }
    line += ' ';
    if (needs_quotes(argv[i])) {
      append_quoted(line, argv[i]);
    } else {
      line += argv[i];
    }
  }
  return line;
}

// /d: without the commands that the registry wants run first. /s: take away the outer
// quotes, and nothing else.
std::string shell_command_line(std::string_view line) {
  return "cmd.exe /d /s /c \"" + std::string(line) + "\"";
}

// Windows ignores dots and blanks at the end of a file's name.
bool is_batch_file(std::string_view program) noexcept {
  const std::size_t last = program.find_last_not_of(". ");
  program = program.substr(0, last == program.npos ? 0 : last + 1);
  return ends_with(program, ".bat") || ends_with(program, ".cmd");
}

}  // namespace tornado
