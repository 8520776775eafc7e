// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// What the caller set up and main() changes, for commands that execute others as if
/// the caller had done it.

#include <csignal>

namespace tornado::cli {

/// The disposition of SIGPIPE, which main() ignores.
inline void (*caller_sigpipe)(int) = SIG_DFL;

}  // namespace tornado::cli
