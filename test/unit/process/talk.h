// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "support/descriptors.h"
#include "support/wait.h"
#include "tornado/ioloop.h"
#include "tornado/subprocess.h"

namespace tornado::test {

inline const Stdio STREAM = Subprocess::STREAM;

inline std::string read_line(int fd) {
  std::string line;
  char c = 0;
  while (c != '\n' && becomes_readable(fd) && ::read(fd, &c, 1) == 1) line += c;
  return line;
}

inline void send(int fd, const std::string& text) {
  EXPECT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

inline ExitStatus exit_of(Subprocess& child, IOLoop& loop) {
  return loop.run_sync<ExitStatus>(
      [&child](const Completion<ExitStatus>& completion) {
        child.set_exit_callback(
            [completion](ExitStatus status) { completion.set_value(status); });
      },
      patience);
}

}  // namespace tornado::test
