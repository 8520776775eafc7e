// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "support/open_numbers.h"

namespace tornado::test {

struct Descriptor {
  int fd = -1;
  std::string
      kind;  ///< file, directory, pipe, socket, char, block, eventfd, eventpoll, ...
  bool close_exec = false;
  int status_flags = 0;  ///< as F_GETFL says
  long long offset = 0;  ///< -1 of what has none
  std::string target;    ///< what /proc/self/fd says

  bool operator==(const Descriptor&) const = default;
};

/// The open descriptors of this process, in the order of the numbers.
std::vector<Descriptor> open_descriptors();

/// One line of text, and back.
std::string to_line(const Descriptor& descriptor);
Descriptor from_line(const std::string& line);

const Descriptor* find(const std::vector<Descriptor>& descriptors, int fd);

/// For messages of gtest.
std::ostream& operator<<(std::ostream& out, const Descriptor& descriptor);

}  // namespace tornado::test
