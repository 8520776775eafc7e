// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

#include <array>
#include <optional>

#include "tornado/fd.h"

namespace tornado {

/// Collects SIGTERM, SIGINT and SIGHUP during its lifetime. Signals that were ignored
/// stay ignored. A process has one such object at a time.
class StopSignals {
 public:
  struct Arrival {
    int signal;
    bool from_terminal;  // the whole process group has it already
  };

  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// Readable when something has arrived.
  [[nodiscard]] NativeFd fileno() const noexcept { return pipe_.first.get(); }
  std::optional<Arrival> next() noexcept;
  /// In a forked child: restores the previous dispositions, and closes the reading end.
  void leave() noexcept;
  /// After leave(): whether the parent has ended, which closes its reading end.
  [[nodiscard]] bool parent_is_gone() const noexcept;

 private:
  void restore() noexcept;

  static constexpr std::array<int, 3> signals = {SIGTERM, SIGINT, SIGHUP};

  FdPair pipe_;
  std::array<struct sigaction, 3> before_ = {};
  std::size_t installed_ = 0;  // how many of them
};

}  // namespace tornado
