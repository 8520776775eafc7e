// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tornado/faults.h"

namespace tornado::torture {

/// "write.3 EPIPE once"; errors as errno spells them, and "one-byte".
std::string to_string(const Fault& fault);

/// As to_string() gives it. Throws std::out_of_range.
Fault parse_fault(const std::string& text);

}  // namespace tornado::torture
