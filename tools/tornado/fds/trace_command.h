// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// A command that is traced from before its first instruction, and is otherwise what
/// the caller would have started.

#include <signal.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "tornado/fd.h"

namespace tornado::cli {

/// While it lives the signals that the tracer waits for stay pending, so that
/// sigwaitinfo takes them.
class PendingSignals {
 public:
  PendingSignals();
  ~PendingSignals() { restore(); }
  PendingSignals(const PendingSignals&) = delete;
  PendingSignals& operator=(const PendingSignals&) = delete;

  [[nodiscard]] const sigset_t& waited_for() const { return waited_for_; }
  /// As the caller had it. Async-signal-safe.
  void restore() const;

 private:
  sigset_t waited_for_;
  sigset_t mask_before_;
  struct sigaction child_before_;
};

struct TraceMode {
  bool every_call = false;    ///< stop at each system call, without a filter
  bool err_into_out = false;  ///< the command's standard error is its standard output
};

class TracedCommand {
 public:
  /// Throws std::system_error if it cannot be traced; then it was not executed.
  TracedCommand(const std::vector<std::string>& words, const PendingSignals& signals,
                TraceMode mode);

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Whether it stops only where descriptors are made, and not at each system call.
  [[nodiscard]] bool filtered() const { return filtered_; }
  /// Lets the command execute. From now on it must be waited for.
  void release();
  /// After the end of the process: the error of exec, if it failed.
  [[nodiscard]] std::optional<int> exec_error() const;
  /// Does nothing after the end of the command, even if another process has its number.
  void send(int signal) const;

 private:
  [[noreturn]] void be_the_command(char* const* words, const PendingSignals& signals,
                                   int channel) const;
  void seize();
  void stop_at_each_call() const;

  TraceMode mode_;
  pid_t pid_ = -1;
  bool filtered_ = false;
  UniqueFd process_ = {};
  UniqueFd channel_ = {};
};

}  // namespace tornado::cli
