// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The descriptors of a process.

#include <sys/types.h>

#include <string>
#include <vector>

namespace tornado::cli {

struct OpenDescriptor {
  int fd = -1;
  std::string kind = {};    ///< file, directory, pipe, socket, char, eventfd, ...
  std::string target = {};  ///< path, or what the kernel calls it
  int flags = 0;            ///< as F_GETFL says
  long long offset = -1;    ///< -1 where there is none
  bool close_exec = false;
};

/// In the order of the numbers. Throws std::system_error if the process is gone, or
/// not to be looked at.
std::vector<OpenDescriptor> list_descriptors(pid_t pid);

}  // namespace tornado::cli
