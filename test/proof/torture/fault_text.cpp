// SPDX-License-Identifier: Apache-2.0
#include "fault_text.h"

#include <cstring>
#include <sstream>
#include <stdexcept>

#include "testing/fault_calls.h"

namespace tornado::torture {
namespace {

std::string error_name(int error) {
  return error == moves_one_byte ? "one-byte" : ::strerrorname_np(error);
}

int error_of(const std::string& name) {
  if (name == error_name(moves_one_byte)) return moves_one_byte;
  for (int error = 1; error < 134; ++error) {
    const char* const known = ::strerrorname_np(error);
    if (known && name == known) return error;
  }
  throw std::out_of_range(name);
}

}  // namespace

std::string to_string(const Fault& fault) {
  if (fault.call.empty()) return "none";
  return std::string(fault.call) + "." + std::to_string(fault.nth) + " " +
         error_name(fault.error) + (fault.persistent ? " for-ever" : " once");
}

Fault parse_fault(const std::string& text) {
  std::istringstream in(text);
  std::string site, error, duration;
  in >> site;
  if (site.rfind('.') == std::string::npos) {  // "operator new.4", "syscall kcmp.1"
    std::string rest;
    in >> rest;
    site += " " + rest;
  }
  in >> error >> duration;
  const auto dot = site.rfind('.');
  const std::size_t call = faults::call_id(site.substr(0, dot));
  return {faults::calls.at(call).name, error_of(error),
          static_cast<std::uint32_t>(std::stoul(site.substr(dot + 1))),
          duration == "for-ever"};
}

}  // namespace tornado::torture
