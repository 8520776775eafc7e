// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Where in a program a system call was made, by libdw of the elfutils: call frame
/// information, symbols, debug information. Without it nothing is known.

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

  /// Of a thread that this process traces, and that is stopped.
  CallSite walk(pid_t process, pid_t tid);
  /// It has loaded code.
  void changed(pid_t process);
  /// It has executed a program, or is gone. `program`: its file may have been written
  /// anew since it was last executed.
  void forget(pid_t process, const std::string& program = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// What a place in a program is called.
struct Place {
  std::string module = {};
  std::uint64_t address = 0;
  std::string function = {};  ///< empty if the file has no symbol for it
  std::uint64_t offset = 0;   ///< from the function's start on
  std::string file = {};      ///< empty without debug information
  unsigned line = 0;
};

/// The places of one call site. Reads the modules' files as they are now; one that was
/// replaced since gives no names.
std::vector<Place> places_of(const CallSite& site);

}  // namespace tornado::cli
