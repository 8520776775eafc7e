// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Runs a command and reports the descriptors that leaked into executed programs.

#include <string>
#include <vector>

#include "command.h"
#include "fds/allow_list.h"

namespace tornado::cli {

struct FollowOptions {
  std::vector<std::string> command = {};
  std::string output = {};  ///< file of the report; standard error if empty
  bool leaks_fail = true;   ///< 1 if anything leaked
  bool every_call = false;  ///< stop at each system call
  AllowList allowed = AllowList();
};

/// The exit status. Does not return if a signal ended the command and nothing leaked.
int follow_command(const Context& context, const FollowOptions& options);

}  // namespace tornado::cli
