// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// What following a command found out, for people and for programs.

#include <string>
#include <vector>

#include "json.h"
#include "output.h"
#include "trace_record.h"

namespace tornado::cli {

/// One paragraph for each descriptor that leaks: who made it, where, and into which
/// programs it came. The sum in the last line; only that if `quiet`.
void print_report(Output& out, const TraceRecord& record, bool quiet);

Json json_report(const TraceRecord& record, const std::vector<std::string>& command);

}  // namespace tornado::cli
