// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Where in a program a system call was made. libdw of the elfutils reads call frame
/// information, symbols and debug information. Without libdw no place is known.

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tornado::cli {

/// Whether this was built with libdw.
extern const bool call_sites_known;

/// A file of a program that has code in its memory.
struct Module {
  std::string path;
  std::uint64_t inode;
};

struct Frame {
  std::shared_ptr<const Module> module;
  std::uint64_t address;  ///< in the module's file
};

/// Innermost first: the instruction after the system call, then what each call returns
/// to.
using CallSite = std::vector<Frame>;

/// Walks the stacks of stopped threads.
class StackWalker {
 public:
  StackWalker();
  ~StackWalker();
  StackWalker(const StackWalker&) = delete;
  StackWalker& operator=(const StackWalker&) = delete;

  /// The stack of a stopped thread that this process traces.
  CallSite walk(pid_t process, pid_t tid);
  /// The process has loaded code.
  void changed(pid_t process);
  /// The process has executed a program, or has ended. The file `program` may have
  /// changed since its last execution.
  void forget(pid_t process, const std::string& program = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The name of a place in a program.
struct Place {
  std::string module = {};
  std::uint64_t address = 0;
  std::string function = {};  ///< empty if the file has no symbol for it
  std::uint64_t offset = 0;   ///< from the function's start on
  std::string file = {};      ///< empty without debug information
  unsigned line = 0;
};

/// The places of one call site. Reads the modules' files as they are now. A file that
/// was replaced since gives no names.
std::vector<Place> places_of(const CallSite& site);

}  // namespace tornado::cli
