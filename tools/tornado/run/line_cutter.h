// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "text/byte_text.h"

namespace tornado::cli {

/// Makes lines of bytes that arrive in pieces, with bounded memory: a longer line comes
/// in parts. No part ends inside a UTF-8 character.
class LineCutter {
 public:
  static constexpr std::size_t longest = std::size_t{64} << 10;

  /// Calls `take(line, more)` for each line, without its newline. `more`: the next call
  /// continues the line.
  template <class F>
  void feed(std::string_view bytes, F take) {
    while (!bytes.empty()) {
      const auto newline = bytes.find('\n');
      rest_ += bytes.substr(0, newline);
      if (newline == std::string_view::npos) {
        if (rest_.size() >= longest) flush(take);
        return;
      }
      take(std::string_view(rest_), false);
      rest_.clear();
      bytes.remove_prefix(newline + 1);
    }
  }
  /// Whether flush() has a part to give.
  [[nodiscard]] bool has_part() const { return whole_characters(rest_) > 0; }
  /// Gives the beginning of a line whose newline has not come.
  template <class F>
  void flush(F take) {
    const std::size_t size = whole_characters(rest_);
    if (size == 0) return;
    take(std::string_view(rest_).substr(0, size), true);
    rest_.erase(0, size);
  }
  /// The input has ended: bytes without a newline are the last line.
  template <class F>
  void end(F take) {
    if (!rest_.empty()) take(std::string_view(rest_), false);
    rest_.clear();
  }

 private:
  std::string rest_;
};

}  // namespace tornado::cli
