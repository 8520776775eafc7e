// SPDX-License-Identifier: Apache-2.0
#include "testing/fault_ledger.h"

#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <new>

#include "testing/fault_calls.h"

namespace tornado::faults {
namespace {

// What the kernel says now and then, but not for ever: who tries again would be right.
constexpr std::uint32_t transient_times = 64;

/// Shared with all that is forked.
struct Ledger {
  std::atomic<bool> armed;
  std::size_t call;  // that shall fail
  Fault fault;
  std::atomic<std::uint32_t> struck;
  std::atomic<std::uint32_t> counts[calls.size()];
  std::atomic<bool> low_forbidden;
  std::atomic<bool> low_used;
};

std::atomic<Ledger*> ledger{nullptr};

std::atomic<bool> takes_part{false};

/// Null if calls are not counted.
Ledger* open_page() noexcept {
  if (!takes_part) return nullptr;
  Ledger* const page = ledger;
  return page->armed ? page : nullptr;
}

bool is_transient(int error) noexcept {
  return error == EINTR || error == EAGAIN || error == EBUSY || error == ECONNABORTED;
}

}  // namespace

void open_ledger() {
  void* const page = ::mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw std::bad_alloc();
  ledger = new (page) Ledger{};
}

void arm(const Fault& fault) {
  Ledger& page = *ledger;
  page.call = call_id(fault.call);
  page.fault = fault;
  page.struck = 0;
  for (auto& count : page.counts) count = 0;
  page.low_forbidden = false;
  page.low_used = false;
  page.armed = true;
}

void disarm() noexcept {
  ledger.load()->armed = false;
}

void take_part() noexcept {
  takes_part = true;
}

std::uint32_t struck() noexcept {
  return ledger.load()->struck;
}

std::uint32_t counted(std::size_t call) noexcept {
  return ledger.load()->counts[call];
}

int strike(std::size_t call) noexcept {
  Ledger* const open = open_page();
  if (!open) return 0;
  Ledger& page = *open;
  const std::uint32_t nth = page.counts[call].fetch_add(1) + 1;
  const Fault& fault = page.fault;
  if (call != page.call || nth < fault.nth) return 0;
  if (nth > fault.nth && !fault.for_ever) return 0;
  if (is_transient(fault.error) && nth >= fault.nth + transient_times) return 0;
  page.struck.fetch_add(1);
  return fault.error;
}

void forbid_low_numbers() noexcept {
  ledger.load()->low_forbidden = true;
}

bool low_number_used() noexcept {
  return ledger.load()->low_used;
}

void note_use(int fd) noexcept {
  if (fd < 0 || fd > 2) return;
  Ledger* const page = open_page();
  if (page && page->low_forbidden) page->low_used = true;
}

}  // namespace tornado::faults
