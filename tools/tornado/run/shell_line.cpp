// SPDX-License-Identifier: Apache-2.0
#include "run/shell_line.h"

#include <algorithm>
#include <array>

namespace tornado::cli {
namespace {

// Reserved words, and the builtins of sh and bash: `exec cd /` looks for a file.
constexpr std::array<std::string_view, 82> words_of_the_shell = {
    "!",        "[[",      "case",    "coproc",  "do",       "done",    "elif",
    "else",     "esac",    "fi",      "for",     "function", "if",      "in",
    "select",   "then",    "time",    "until",   "while",    ".",       ":",
    "[",        "alias",   "bg",      "bind",    "break",    "builtin", "caller",
    "cd",       "chdir",   "command", "compgen", "complete", "compopt", "continue",
    "declare",  "dirs",    "disown",  "echo",    "enable",   "eval",    "exec",
    "exit",     "export",  "false",   "fc",      "fg",       "getopts", "hash",
    "help",     "history", "jobs",    "kill",    "let",      "local",   "logout",
    "mapfile",  "popd",    "printf",  "pushd",   "pwd",      "read",    "readarray",
    "readonly", "return",  "set",     "shift",   "shopt",    "source",  "suspend",
    "test",     "times",   "trap",    "true",    "type",     "typeset", "ulimit",
    "umask",    "unalias", "unset",   "wait",    "{"};

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

bool in_variable(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         c == '_';
}

bool in_plain_path(char c) {
  return in_variable(c) || c == '/' || c == '.' || c == '-' || c == '+' || c == ':' ||
         c == '~' || c == '@' || c == '%' || c == ',';
}

// "PORT=8080"
bool is_assignment(std::string_view word) {
  const auto equals = word.find('=');
  if (equals == std::string_view::npos || equals == 0) return false;
  const auto name = word.substr(0, equals);
  return !(name[0] >= '0' && name[0] <= '9') && std::ranges::all_of(name, in_variable);
}

// Whether `exec` may stand in front of this first word.
bool is_program(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, in_plain_path) &&
         std::ranges::find(words_of_the_shell, word) == words_of_the_shell.end();
}

// Steps over one word, quoted parts and expansions included.
class WordReader {
 public:
  explicit WordReader(std::string_view line) : line_(line) { skip_blanks(); }

  [[nodiscard]] bool at_end() const { return at_ >= line_.size(); }
  [[nodiscard]] std::size_t position() const { return at_; }

  /// False at what separates commands, runs one within the word, or has no end.
  bool next(std::string_view& word) {
    const std::size_t begin = at_;
    while (!at_end() && !is_blank(line_[at_])) {
      if (!step()) return false;
    }
    word = line_.substr(begin, at_ - begin);
    skip_blanks();
    return true;
  }

 private:
  void skip_blanks() {
    while (!at_end() && is_blank(line_[at_])) ++at_;
  }

  bool step() {
    const char c = line_[at_++];
    if (c == '\\') return at_++ < line_.size();
    if (c == '\'') return skip_past('\'');
    if (c == '"') return skip_double_quotes();
    if (c == '&') return at_ > 1 && (line_[at_ - 2] == '>' || line_[at_ - 2] == '<');
    return std::string_view(";|()`\n#").find(c) == std::string_view::npos;
  }

  bool skip_past(char quote) {
    const auto end = line_.find(quote, at_);
    if (end == std::string_view::npos) return false;
    at_ = end + 1;
    return true;
  }

  bool skip_double_quotes() {
    while (!at_end()) {
      const char c = line_[at_++];
      if (c == '"') return true;
      if (c == '\\') ++at_;
      if (c == '`' || (c == '(' && line_[at_ - 2] == '$')) return false;
    }
    return false;
  }

  std::string_view line_;
  std::size_t at_ = 0;
};

}  // namespace

std::string with_exec(std::string_view line) {
  const std::string unchanged(line);
  WordReader reader(line);
  std::string_view word;
  std::size_t program = reader.position();
  if (!reader.next(word)) return unchanged;
  while (is_assignment(word) && !reader.at_end()) {
    program = reader.position();
    if (!reader.next(word)) return unchanged;
  }
  if (!is_program(word)) return unchanged;
  while (!reader.at_end()) {
    if (!reader.next(word)) return unchanged;
  }
  return unchanged.substr(0, program) + "exec " + unchanged.substr(program);
}

}  // namespace tornado::cli
