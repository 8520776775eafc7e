// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// What following a command found out, for people and for programs.

#include <string>
#include <vector>

#include "fds/trace_record.h"
#include "text/json.h"
#include "text/output.h"

namespace tornado::cli {

/// One paragraph for each descriptor that leaks: who made it, where, and into which
/// programs it came. The sum in the last line; only that if `quiet`.
void print_report(Output& out, const TraceRecord& record, bool quiet);

Json json_report(const TraceRecord& record, const std::vector<std::string>& command);

}  // namespace tornado::cli
