// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// A measurement in a process of its own.

#include <map>
#include <optional>
#include <string>

#include "harness.h"

namespace tornado::bench {

/// Throws std::runtime_error if the contestant failed, or took more than a minute.
Round run_alone(const Contestant& contestant, bool quick);

/// How often each system call was made, per operation.
using CallCount = std::map<std::string, double>;

/// Runs the contestant once more, traced. Nothing if tracing is forbidden here.
std::optional<CallCount> count_calls(const Contestant& contestant, bool quick);

}  // namespace tornado::bench
