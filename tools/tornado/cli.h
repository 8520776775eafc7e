// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Reads the command line.

namespace tornado::cli {

/// Runs the command that is asked for; the exit status. Throws ReaderGone and what the
/// command throws, but UsageError.
int run(int argc, const char* const* argv);

}  // namespace tornado::cli
