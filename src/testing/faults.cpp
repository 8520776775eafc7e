// SPDX-License-Identifier: Apache-2.0
#include "tornado/faults.h"

#include <atomic>
#include <stdexcept>
#include <string>

#include "testing/fault_calls.h"
#include "testing/fault_ledger.h"

namespace tornado {
namespace {

std::atomic<bool> there_is_one{false};

std::size_t id_of(std::string_view name) {
  const std::size_t id = faults::call_id(name);
  if (id == faults::calls.size()) {
    throw std::invalid_argument("FaultInjection: no such call: " + std::string(name));
  }
  return id;
}

void begin(const Fault& fault) {
  if (there_is_one.exchange(true)) {
    throw std::logic_error("FaultInjection: another injection exists");
  }
  try {
    faults::open_ledger();
  } catch (...) {
    there_is_one = false;
    throw;
  }
  faults::take_part();
  faults::arm(fault);
}

}  // namespace

std::span<const FaultCall> fault_calls() noexcept {
  return faults::calls;
}

FaultInjection::FaultInjection() {
  begin({});
}

FaultInjection::FaultInjection(const Fault& fault) {
  (void)id_of(fault.call);
  if (fault.nth == 0 || fault.error == 0) {
    throw std::invalid_argument("FaultInjection: " + std::string(fault.call) +
                                ": error 0 or nth 0");
  }
  begin(fault);
}

FaultInjection::~FaultInjection() {
  faults::disarm();
  there_is_one = false;
}

std::uint32_t FaultInjection::failures() const noexcept {
  return faults::struck();
}

std::uint32_t FaultInjection::count(std::string_view call) const {
  return faults::counted(id_of(call));
}

}  // namespace tornado
