// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The files of /proc that describe a process.

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

struct ProcessState {
  std::string name = {};  ///< of the program, 15 bytes at most
  char state = '\0';      ///< R, S, D, T, Z, ...
  bool is_kernel_thread = false;
};

/// Of `stat`. The name may contain any byte.
ProcessState state_in(std::string_view stat);

/// A file of /proc/PID. Empty if the process is gone, or not ours to look at.
std::string told_by_proc(pid_t pid, const std::string& file);

}  // namespace tornado::cli
