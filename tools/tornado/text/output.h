// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// What is written to the terminal, a pipe or a file, and how it may look there.

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

namespace tornado::cli {

enum class ColorChoice { automatic, always, never };

/// Colour is an addition: the words say the same without it.
enum class Tone { plain, title, good, bad, note };

/// The reader of our output has gone (EPIPE).
struct ReaderGone {};

/// What can be shown where a descriptor leads.
struct Terminal {
  bool is_terminal = false;
  bool colour = false;
  bool utf8 = false;
  bool can_erase = false;  ///< knows "erase to the end of the line"
  unsigned width = 0;      ///< 0: not a terminal, nothing is cut
};

Terminal look_at(int fd, ColorChoice choice);

/// Writes all of it, whether or not the descriptor is non-blocking. Throws ReaderGone,
/// or std::system_error.
void write_all(int fd, std::string_view text);

/// Standard output. What was not flushed is lost.
class Output {
 public:
  explicit Output(const Terminal& terminal) : terminal_(terminal) {}

  template <class... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    buffer_ += fmt::vformat(format, fmt::make_format_args(args...));
  }
  void write(std::string_view text) { buffer_ += text; }
  void flush(int fd = 1);

  [[nodiscard]] std::string paint(Tone tone, std::string_view text) const;
  [[nodiscard]] const Terminal& terminal() const noexcept { return terminal_; }

 private:
  Terminal terminal_;
  std::string buffer_;
};

/// A line on standard error that shows the progress and is erased at the end. Writes
/// nothing if standard error is not a terminal.
class Progress {
 public:
  explicit Progress(bool wanted);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::string_view text) noexcept;
  void clear() noexcept;

 private:
  bool on_;
  bool shown_ = false;
  unsigned width_ = 0;
};

}  // namespace tornado::cli
