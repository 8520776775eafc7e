// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Ctrl-C ends the work early, and what was measured is still told.

#include <csignal>

#include "tornado/ioloop.h"

namespace tornado::cli {

[[nodiscard]] bool interrupted() noexcept;

/// While it lives the first Ctrl-C is noted, and a second one kills.
class CatchInterrupts {
 public:
  CatchInterrupts();
  ~CatchInterrupts();
  CatchInterrupts(const CatchInterrupts&) = delete;
  CatchInterrupts& operator=(const CatchInterrupts&) = delete;

 private:
  struct sigaction before_;
};

/// Makes Ctrl-C stop `loop` too, during its lifetime. One at a time, in the main
/// thread, which must get the signal: all other threads block it.
class StopOnInterrupt {
 public:
  explicit StopOnInterrupt(IOLoop& loop) noexcept;
  ~StopOnInterrupt();
  StopOnInterrupt(const StopOnInterrupt&) = delete;
  StopOnInterrupt& operator=(const StopOnInterrupt&) = delete;
};

}  // namespace tornado::cli
