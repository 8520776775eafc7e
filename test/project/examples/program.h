// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "tornado/fd.h"

namespace tornado::test {

struct Ending {
  int exit_status = -1;  ///< -1 if a signal ended it
  std::string output;    ///< what it wrote that was not read as lines before
  std::string errors;
};

/// One of the examples, running. Killed at the end of the scope if it still runs.
class Program {
 public:
  /// `before_exec` runs in the child.
  explicit Program(const std::string& name, NativeFd input = invalid_fd,
                   const std::function<void()>& before_exec = {},
                   const std::vector<std::string>& arguments = {});
  /// Whether the libraries that the example needs were there when it was built.
  static bool exists(const std::string& name);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// The next line of its output, without the end of line. Empty at the deadline.
  std::string line() { return next_line(output_.get()); }
  std::string error_line() { return next_line(errors_.get()); }
  void send(int signal) const;
  /// Waits for the end of both outputs, and then for its own.
  Ending wait();

 private:
  static std::string next_line(NativeFd fd);

  pid_t pid_ = -1;
  UniqueFd output_;
  UniqueFd errors_;
};

}  // namespace tornado::test
