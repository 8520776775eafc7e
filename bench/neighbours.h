// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <vector>

#include "harness.h"

namespace tornado::bench {

/// Other programs that keep a processor each busy for as long as this lives.
class Neighbours {
 public:
  explicit Neighbours(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const pid_t child = ::fork();
      if (child == 0) keep_busy();
      if (child > 0) children_.push_back(child);
    }
    check(children_.size() == count, "fork");
  }
  ~Neighbours() {
    for (const pid_t child : children_) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
  }
  Neighbours(const Neighbours&) = delete;
  Neighbours& operator=(const Neighbours&) = delete;

 private:
  [[noreturn]] static void keep_busy() {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const volatile bool end = false;
    while (!end) {
    }
    std::_Exit(0);
  }

  std::vector<pid_t> children_;
};

}  // namespace tornado::bench
