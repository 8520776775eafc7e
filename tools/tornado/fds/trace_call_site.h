// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Where in a program a system call was made.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fds/trace_call_frames.h"
#include "fds/trace_memory.h"

namespace tornado::cli {

struct Frame {
  std::shared_ptr<const Module> module;
  std::uint64_t address;  ///< in the module's file
  bool guess;             ///< found by a frame pointer that may be none
};

/// Innermost first: the instruction after the system call, then what each call returns
/// to.
using CallSite = std::vector<Frame>;

/// What lies in the memory of one process. Copied at a fork.
class AddressSpace {
 public:
  /// Code was loaded or a program executed: look again at the next question.
  void changed() { fresh_ = false; }
  /// Null if there is no code of a file.
  const Mapping* code_at(pid_t pid, std::uint64_t address);

 private:
  bool fresh_ = false;
  std::vector<Mapping> mappings_ = {};
};

/// Walks the stacks of stopped threads. Remembers the modules, which are the same in
/// most processes.
class StackWalker {
 public:
  CallSite walk(pid_t tid, AddressSpace& space);
  /// The file may have been written anew since it was last executed.
  void forget(const std::string& path);

 private:
  struct Known {
    std::shared_ptr<const Module> module;
    CallFrames frames;
  };
  const Known& know(pid_t tid, const Mapping& mapping);

  std::map<std::pair<std::string, std::uint64_t>, Known> modules_ = {};
};

}  // namespace tornado::cli
