// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// What this machine is, and which pollers and wakers work on it.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "tornado/loop_types.h"

namespace tornado::cli {

struct System {
  std::string kernel;    ///< "linux 6.1.0"
  std::string machine;   ///< "x86_64"
  std::string libc;      ///< "glibc 2.36"
  std::string compiler;  ///< that built this program: "g++ 12.2"
  long cpus;             ///< that this process may use
};
System this_system();

/// A loop that was made, put to sleep, and woken by another thread.
struct Trial {
  std::string name;
  std::string error;  ///< why it does not work; empty if it does
  std::chrono::nanoseconds woken_after{0};
  [[nodiscard]] bool works() const { return error.empty(); }
};
Trial try_loop(std::string name, const LoopOptions& options);

/// What the library takes when nothing is asked for, and why.
struct Choice {
  std::string name;      ///< empty if nothing can be taken
  std::string variable;  ///< TORNADO_POLLER or TORNADO_WAKER
  std::string wanted;    ///< what the variable says; empty if it is not set
  std::string error;     ///< why nothing could be taken
  [[nodiscard]] std::string reason() const;
};
/// The best waker that can be made here, whatever TORNADO_WAKER says.
std::optional<WakerKind> working_waker();
Choice default_poller();
Choice default_waker();

/// "tornado 0.1.0  linux 6.1.0 x86_64  g++ 12.2"
std::string identity(const System& system);

}  // namespace tornado::cli
