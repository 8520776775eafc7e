// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tornado::cli {

/// Makes lines of what arrives in pieces, with bounded memory: a line that is longer
/// comes in parts.
class LineCutter {
 public:
  static constexpr std::size_t longest = std::size_t{64} << 10;

  /// Calls `take(line, more)` for each line, without its newline. `more`: the line goes
  /// on in the next one.
  template <class F>
  void feed(std::string_view bytes, F take) {
    while (!bytes.empty()) {
      const auto newline = bytes.find('\n');
      rest_ += bytes.substr(0, newline);
      if (newline != std::string_view::npos) {
        take(std::string_view(rest_), false);
        rest_.clear();
        bytes.remove_prefix(newline + 1);
      } else {
        if (rest_.size() >= longest) {
          take(std::string_view(rest_), true);
          rest_.clear();
        }
        return;
      }
    }
  }
  /// No more comes: what lacks a newline is a line.
  template <class F>
  void end(F take) {
    if (!rest_.empty()) take(std::string_view(rest_), false);
    rest_.clear();
  }

 private:
  std::string rest_;
};

}  // namespace tornado::cli
