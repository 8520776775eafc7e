// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Questions to the kernel that is running, not to the headers that were compiled with.

#include <string>
#include <vector>

namespace tornado::cli {

struct Feature {
  std::string name;
  std::string error;  ///< empty if it works
  std::string use;    ///< what it is good for
  [[nodiscard]] bool works() const { return error.empty(); }
};

/// Each was really used once. The process must have one thread.
std::vector<Feature> kernel_features();

struct Limit {
  std::string name;  ///< "open files"
  std::string key;   ///< "open_files_soft"
  long long value;   ///< -1: unlimited
  std::string note;
};
/// Leaves out what it cannot find out.
std::vector<Limit> limits();

}  // namespace tornado::cli
