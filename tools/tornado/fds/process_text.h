// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// What /proc says of a process.

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace tornado::cli {

/// Of `cmdline`: each argument ends with a NUL byte; the last may lack it, where the
/// process has overwritten it.
std::vector<std::string> arguments_in(std::string_view cmdline);

struct Family {
  pid_t process = 0;
  pid_t parent = 0;
};

/// Of `status`; zeros for what it does not say.
Family family_in(std::string_view status);

}  // namespace tornado::cli
