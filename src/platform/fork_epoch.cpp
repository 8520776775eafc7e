// SPDX-License-Identifier: Apache-2.0
#include "platform/fork_epoch.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <new>

namespace tornado {
namespace {

using Mark = std::atomic<std::uint64_t>;
static_assert(Mark::is_always_lock_free);

Mark last_epoch{0};
Mark ordinary_mark{0};  // cleared in children by pthread_atfork

Mark* map_wiped_page() noexcept {
#ifdef MADV_WIPEONFORK
  const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* page =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return nullptr;
  // An emulator of system calls (qemu-user) may report success for every advice and
  // ignore it. Success for an advice that does not exist shows this.
  constexpr int no_such_advice = -1;
  if (::madvise(page, size, no_such_advice) == -1 &&
      ::madvise(page, size, MADV_WIPEONFORK) == 0) {
    return ::new (page) Mark(0);
  }
  ::munmap(page, size);
#endif
  return nullptr;
}

/// Null if no mechanism works.
Mark* choose_mark() noexcept {
  if (Mark* page = map_wiped_page()) return page;
  const auto clear = [] { ordinary_mark.store(0); };
  return ::pthread_atfork(nullptr, nullptr, clear) == 0 ? &ordinary_mark : nullptr;
}

}  // namespace

std::atomic<const Mark*> fork_mark{nullptr};

std::uint64_t find_fork_epoch() noexcept {
  static Mark* const mark = choose_mark();
  fork_mark.store(mark, std::memory_order_release);
  if (!mark) return static_cast<std::uint64_t>(::getpid());
  std::uint64_t epoch = mark->load(std::memory_order_acquire);
  if (epoch != 0) return epoch;
  const std::uint64_t fresh = last_epoch.fetch_add(1) + 1;
  return mark->compare_exchange_strong(epoch, fresh) ? fresh : epoch;
}

}  // namespace tornado
