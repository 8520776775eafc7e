// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "process/exit_wait.h"
#include "tornado/subprocess.h"

namespace tornado {

/// Awaits the end of one child on a loop, and reaps it. The loop holds a reference
/// until the child has ended. Lives on the loop's thread.
class ExitWatch : public std::enable_shared_from_this<ExitWatch> {
 public:
  explicit ExitWatch(IOLoop& loop);
  /// A child that still runs is reaped later, if it has to be.
  ~ExitWatch();
  ExitWatch(const ExitWatch&) = delete;
  ExitWatch& operator=(const ExitWatch&) = delete;

  /// Makes this object responsible for reaping the child.
  void adopt(int pid, UniqueFd process) noexcept;
  void start();
  /// For a start() that failed. Kills the child and reaps it. A child that cannot be
  /// killed is reaped when it ends.
  void kill_and_reap() noexcept;

  [[nodiscard]] int pid() const noexcept { return child_->pid; }
  [[nodiscard]] const std::optional<ExitStatus>& status() const { return status_; }
  /// Called on the loop.
  void set_callback(Subprocess::ExitCallback callback);
  void add_waiter(Subprocess::ExitCallback waiter);
  bool send_signal(int signal);

  // What a loop needs of a file object.
  [[nodiscard]] NativeFd fileno() const noexcept {
    return process_ ? process_.get() : end_.get();
  }
  void close() noexcept {
    process_.reset();
    end_.reset();
    watched_ = false;
  }

 private:
  void ask_for_notice();
  void on_end();
  void await_debugger();
  void stop_watching() noexcept;
  void tell();

  std::unique_ptr<AbandonedChild> child_;
  UniqueFd process_;
  UniqueFd end_;     // for a child without that
  LoopHandle loop_;  // this may outlive it
  bool watched_ = false;
  std::optional<ExitStatus> status_;
  Subprocess::ExitCallback callback_;
  std::vector<Subprocess::ExitCallback> waiters_;
};

}  // namespace tornado
