// SPDX-License-Identifier: Apache-2.0
#include "testing/fault_ledger.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <new>
#include <utility>

#include "testing/fault_calls.h"

namespace tornado::faults {
namespace {

// Transient errors end after so many failures, since a caller may try again.
constexpr std::uint32_t transient_times = 64;

/// In memory that forked children share.
struct Ledger {
  std::atomic<bool> armed;
  std::size_t call;  // the one to fail
  Fault fault;
  std::atomic<std::uint32_t> struck;
  std::atomic<std::uint32_t> counts[calls.size()];
  std::atomic<bool> low_forbidden;
  std::atomic<bool> low_used;
};

std::atomic<Ledger*> ledger{nullptr};

std::atomic<bool> takes_part{false};
std::atomic<int> visits{0};  // by threads that may use any ledger
std::array<Ledger*, 16> retired{};

/// The ledger, for as long as this lives. Null if calls are not counted.
class Visit {
 public:
  Visit() noexcept {
    if (!takes_part) return;
    visits.fetch_add(1);
    inside_ = true;
    Ledger* const page = ledger;
    if (page->armed) page_ = page;
  }
  ~Visit() {
    if (inside_) visits.fetch_sub(1);
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  [[nodiscard]] Ledger* page() const noexcept { return page_; }

 private:
  bool inside_ = false;
  Ledger* page_ = nullptr;
};

// A child that was killed amid a call, in the memory of this process, is never out
// again. No ledger is given back from then on.
void retire(Ledger* page) noexcept {
  for (Ledger*& place : retired) {
    if (!place) place = std::exchange(page, nullptr);
  }
  if (visits != 0) return;
  for (Ledger*& place : retired) {
    if (place) ::munmap(std::exchange(place, nullptr), sizeof(Ledger));
  }
}

bool is_transient(int error) noexcept {
  return error == EINTR || error == EAGAIN || error == EBUSY || error == ECONNABORTED;
}

}  // namespace

void open_ledger() {
  void* const page = ::mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw std::bad_alloc();
  if (Ledger* const before = ledger.exchange(new (page) Ledger{})) retire(before);
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
  const Visit visit;
  if (!visit.page()) return 0;
  Ledger& page = *visit.page();
  const std::uint32_t nth = page.counts[call].fetch_add(1) + 1;
  const Fault& fault = page.fault;
  if (call != page.call || nth < fault.nth) return 0;
  if (nth > fault.nth && !fault.persistent) return 0;
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
  const Visit visit;
  if (visit.page() && visit.page()->low_forbidden) visit.page()->low_used = true;
}

}  // namespace tornado::faults
