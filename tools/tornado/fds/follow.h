// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Runs a command and tells what leaked into the programs that it executed.

#include <string>
#include <vector>

#include "command.h"

namespace tornado::cli {

struct FollowOptions {
  std::vector<std::string> command = {};
  std::string output = {};  ///< file of the report; standard error if empty
  bool leaks_fail = true;   ///< 1 if anything leaked
};

/// The exit status. Does not return if a signal ended the command and nothing leaked.
int follow_command(const Context& context, const FollowOptions& options);

}  // namespace tornado::cli
