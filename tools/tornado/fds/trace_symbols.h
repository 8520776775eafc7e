// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// What a place in a program is called.

#include <cstdint>
#include <string>

#include "fds/trace_call_site.h"

namespace tornado::cli {

struct Place {
  std::string module;
  std::uint64_t address = 0;  ///< in the module's file
  std::string function = {};  ///< empty if the file has no symbol for it
  std::uint64_t offset = 0;   ///< from the function's start on
  std::string file = {};      ///< empty without debug information
  unsigned line = 0;
  bool guess = false;
};

/// The places of one call site. Reads the modules' files as they are now; one that was
/// replaced since gives no names. File and line come from `addr2line`, if that is
/// installed.
std::vector<Place> places_of(const CallSite& site);

/// Whether the module belongs to the language, not to a program: the C library, the
/// loader, the C++ library.
bool is_runtime(const std::string& module);

/// "function+0x12 (file:7) [module+0x1234]"
std::string to_string(const Place& place);

}  // namespace tornado::cli
