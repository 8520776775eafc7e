// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The descriptors that a user allows to cross an exec.

#include <string>
#include <vector>

#include "tornado/audit.h"

namespace tornado::cli {

class AllowList {
 public:
  /// Items with commas between: a number, a range such as 10-19, or a pattern of
  /// fnmatch(3) for the kind, the name or the detail of a descriptor. Throws
  /// UsageError.
  explicit AllowList(const std::string& items = {});

  [[nodiscard]] bool contains(const DescriptorInfo& descriptor,
                              const std::string& detail) const;

 private:
  struct Range {
    int first;
    int last;
  };

  void add(const std::string& item);

  std::vector<Range> ranges_ = {};
  std::vector<std::string> patterns_ = {};
};

}  // namespace tornado::cli
