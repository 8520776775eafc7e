// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tool/tool.h"
#include "tornado/spawn.h"

namespace tornado::test {

/// `options`, then what has a shell run `line`.
inline std::vector<std::string> shell(const std::string& line,
                                      std::vector<std::string> options = {}) {
  options.insert(options.end(), {"--", "sh", "-c", line});
  return options;
}

/// A `tornado run` under way, which a test reads from and sends signals to.
class RunSession {
 public:
  /// With these words behind "tornado run", without times in front of lines.
  /// `before_exec` runs in the child, before it executes the command.
  explicit RunSession(
      std::vector<std::string> words, const std::function<void()>& before_exec = [] {});
  ~RunSession();
  RunSession(const RunSession&) = delete;
  RunSession& operator=(const RunSession&) = delete;

  /// Reads until standard output, or standard error, contains `text`. False if they end
  /// before it does.
  bool says(std::string_view text);
  bool reports(std::string_view text);
  /// Reads the first line of output, which is the number of a process.
  int says_a_process();
  void signal(int number) const;
  /// Waits until the pipe is full of unread bytes.
  bool pipe_is_full() const;
  void close_out() { child_.out.reset(); }
  /// Waits for the end without reading.
  int wait();
  /// Reads to the end.
  Finish finish();

  [[nodiscard]] int pid() const { return child_.pid; }
  [[nodiscard]] const std::string& out() const { return out_; }
  [[nodiscard]] const std::string& err() const { return err_; }
  /// The most memory that it had while this read from it, in KiB.
  [[nodiscard]] long most_memory() const { return most_memory_; }

 private:
  bool read_until(std::string_view text, const std::string& where);
  bool read_some();
  void look_at_memory();

  Child child_;
  std::string out_;
  std::string err_;
  long most_memory_ = 0;
};

/// A program on a terminal of its own, whose user is the test.
class TerminalSession {
 public:
  /// The first word is the path of the program.
  explicit TerminalSession(std::vector<std::string> words);
  ~TerminalSession();
  TerminalSession(const TerminalSession&) = delete;
  TerminalSession& operator=(const TerminalSession&) = delete;

  void type(std::string_view keys) const;
  /// Reads until the terminal has shown `text`. False if the program ends before.
  bool shows(std::string_view text);
  /// Reads to the end. The exit status, or the negative number of a signal.
  int finish();

  [[nodiscard]] const std::string& shown() const { return shown_; }

 private:
  bool read_some();

  int pid_ = -1;
  UniqueFd terminal_;
  std::string shown_;
};

/// A file that is there as long as this.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view text);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace tornado::test
