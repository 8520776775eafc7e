// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Posts to a loop from inside a signal handler.

#include <atomic>
#include <csignal>
#include <cstdint>
#include <functional>

#include "tornado/ioloop.h"

namespace tornado::cli {

/// For the calling thread.
void block_signal(int signal) noexcept;
void unblock_signal(int signal) noexcept;

/// While it lives, each `signal` posts from within its handler, on whatever thread that
/// interrupts. Only one at a time. Unblocks the signal at its end.
class SignalSource {
 public:
  /// `ran(sent)` is called on the loop for each signal that was accepted.
  SignalSource(IOLoop& loop, int signal, std::function<void(TimePoint)> ran);
  ~SignalSource();
  SignalSource(const SignalSource&) = delete;
  SignalSource& operator=(const SignalSource&) = delete;

  [[nodiscard]] std::uint64_t accepted() const noexcept { return accepted_; }
  /// The library said that its room for signals was full.
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }
  /// Calls that did not keep errno as it was. To be 0.
  [[nodiscard]] std::uint64_t errno_changed() const noexcept { return errno_changed_; }
  /// On the loop only.
  [[nodiscard]] std::uint64_t ran() const noexcept { return ran_count_; }

  /// Async-signal-safe.
  void post() noexcept;

 private:
  IOLoop& loop_;
  int signal_;
  std::function<void(TimePoint)> ran_;
  std::uint64_t ran_count_ = 0;
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> errno_changed_{0};
  struct sigaction before_;
};

}  // namespace tornado::cli
