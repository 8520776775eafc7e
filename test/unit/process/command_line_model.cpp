// SPDX-License-Identifier: Apache-2.0
#include "command_line_model.h"

#include <algorithm>

namespace tornado::test {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

class Cutter {
 public:
  Cutter(std::string_view line, TwoQuotes two) : rest_(line), two_(two) {}

  std::vector<std::string> cut() {
    std::vector<std::string> argv = {program()};
    for (skip_blanks(); !rest_.empty(); skip_blanks()) argv.push_back(argument());
    return argv;
  }

 private:
  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }
  bool take_if(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void skip_blanks() {
    while (!rest_.empty() && is_blank(rest_.front())) take();
  }

  // Ends at a blank outside of quotes; a backslash is nothing special.
  std::string program() {
    std::string text;
    bool quoted = false;
    while (!rest_.empty() && (quoted || !is_blank(rest_.front()))) {
      const char c = take();
      if (c == '"') {
        quoted = !quoted;
      } else {
        text += c;
      }
    }
    return text;
  }

  std::string argument() {
    std::string text;
    bool quoted = false;
    while (!rest_.empty() && (quoted || !is_blank(rest_.front()))) {
      const std::size_t row = std::min(rest_.find_first_not_of('\\'), rest_.size());
      rest_.remove_prefix(row);
      const bool before_quote = rest_.starts_with('"');
      text.append(before_quote ? row / 2 : row, '\\');
      if (before_quote) {
        take();
        quote(row % 2 == 1, text, quoted);
      } else if (row == 0) {
        text += take();
      }
    }
    return text;
  }

  void quote(bool escaped, std::string& text, bool& quoted) {
    if (escaped) {
      text += '"';
    } else if (quoted && take_if('"')) {
      text += '"';
      quoted = two_ == TwoQuotes::stay;
    } else {
      quoted = !quoted;
    }
  }

  std::string_view rest_;
  TwoQuotes two_;
};

}  // namespace

std::vector<std::string> cut_command_line(std::string_view line, TwoQuotes two) {
  return Cutter(line, two).cut();
}

}  // namespace tornado::test
