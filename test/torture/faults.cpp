// SPDX-License-Identifier: Apache-2.0
#include "faults.h"

#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>
#include <sstream>
#include <stdexcept>

#include "calls.h"

namespace tornado::torture {
namespace {

// What the kernel says now and then, but not for ever: who tries again would be right.
constexpr std::uint32_t transient_times = 64;

/// Shared with all that is forked.
struct Ledger {
  std::atomic<bool> armed;
  Fault fault;
  std::atomic<std::uint32_t> struck;
  std::atomic<std::uint32_t> counts[calls.size()];
  std::atomic<bool> low_forbidden;
  std::atomic<bool> low_used;
};

std::atomic<Ledger*> ledger{nullptr};

std::atomic<bool> takes_part{false};

bool is_transient(int error) noexcept {
  return error == EINTR || error == EAGAIN || error == EBUSY || error == ECONNABORTED;
}

}  // namespace

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

std::string to_string(const Fault& fault) {
  if (fault.call >= calls.size()) return "none";
  return std::string(calls[fault.call].name) + "." + std::to_string(fault.nth) + " " +
         error_name(fault.error) + (fault.for_ever ? " for-ever" : " once");
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
  const Fault fault{call_id(site.substr(0, dot)),
                    static_cast<std::uint32_t>(std::stoul(site.substr(dot + 1))),
                    error_of(error), duration == "for-ever"};
  if (fault.call == calls.size()) throw std::out_of_range(site);
  return fault;
}

void open_ledger() {
  void* const page = ::mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw std::bad_alloc();
  ledger = new (page) Ledger{};
}

void arm(const Fault& fault) {
  Ledger& page = *ledger;
  page.fault = fault;
  page.struck = 0;
  for (auto& count : page.counts) count = 0;
  page.low_forbidden = false;
  page.low_used = false;
  page.armed = true;
}

void disarm() {
  if (Ledger* const made = ledger) made->armed = false;
}

void take_part() {
  takes_part = true;
}

Seen seen() {
  const Ledger& page = *ledger;
  return {{page.counts, page.counts + calls.size()}, page.struck, page.low_used};
}

int strike(std::size_t call) noexcept {
  Ledger* const made = ledger;
  if (!takes_part || !made || !made->armed) return 0;
  Ledger& page = *made;
  const std::uint32_t nth = page.counts[call].fetch_add(1) + 1;
  const Fault& fault = page.fault;
  if (call != fault.call || nth < fault.nth) return 0;
  if (nth > fault.nth && !fault.for_ever) return 0;
  if (is_transient(fault.error) && nth >= fault.nth + transient_times) return 0;
  page.struck.fetch_add(1);
  return fault.error;
}

void forbid_low_numbers() {
  ledger.load()->low_forbidden = true;
}

void note_use(int fd) noexcept {
  Ledger* const made = ledger;
  if (fd < 0 || fd > 2 || !takes_part || !made || !made->armed) return;
  if (made->low_forbidden) made->low_used = true;
}

}  // namespace tornado::torture
