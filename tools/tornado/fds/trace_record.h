// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The findings of following a command.

#include <sys/types.h>

#include <string>
#include <vector>

#include "fds/trace_descriptors.h"
#include "tornado/audit.h"

namespace tornado::cli {

/// A descriptor that came through an exec.
struct Crossing {
  DescriptorInfo descriptor;
  OriginPtr origin;    ///< null: it was not seen being made
  OriginPtr unmarked;  ///< the call that cleared close-on-exec; null if unseen
  /// The process prepared the descriptor between its fork and its exec, and so means to
  /// hand it over.
  bool given;
  std::string detail = {};  ///< more, such as the addresses of a socket
  bool allowed = false;     ///< by the user's list
  /// Whether the caller of this tool left it open, so that no traced program leaks it.
  [[nodiscard]] bool from_caller() const {
    return origin && origin->kind == Origin::Kind::inherited_from_caller;
  }
  [[nodiscard]] bool leaks() const { return !given && !from_caller() && !allowed; }
};

/// A program that was executed, and what it got besides the standard streams.
struct Execution {
  pid_t pid = 0;
  pid_t parent = 0;
  std::string program = {};      ///< the file
  std::string executed_by = {};  ///< the file that the process executed before
  std::vector<std::string> arguments = {};
  std::vector<Crossing> crossings = {};
  std::string problem = {};      ///< why its descriptors could not be read
  bool refused_strict = false;   ///< asked for strict seccomp, which the filter forbids
  bool foreign_machine = false;  ///< its system calls have other numbers

  [[nodiscard]] bool leaks() const;
};

struct TraceRecord {
  std::vector<Execution> executions = {};
  int status = 0;  ///< of the command, as waitpid gives it
  bool filtered = false;
  std::size_t ended = 0;  ///< processes that outlived the command and were killed

  [[nodiscard]] std::size_t leaking_executions() const;
  /// Programs whose descriptors could not be read.
  [[nodiscard]] std::size_t unseen_executions() const;
  /// A process asks for strict seccomp, which fails because it has a filter.
  void refuse_strict(pid_t process);
  /// Who made a descriptor of a process is known only now, and it may have executed a
  /// program already.
  void made_late(pid_t process, int fd, const OriginPtr& origin);
};

}  // namespace tornado::cli
