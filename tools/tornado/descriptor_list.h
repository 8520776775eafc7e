// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

namespace tornado::cli {
struct OpenDescriptor {
  int fd = -1;
  std::string kind = {};
  std::string target = {};
  int flags = 0;
  long long offset = 0;
  bool close_exec = false;
};
std::vector<OpenDescriptor> list_descriptors(pid_t pid);
}  // namespace tornado::cli
