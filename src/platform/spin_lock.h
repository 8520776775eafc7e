// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace tornado {

/// A lock around a few stores, for std::scoped_lock. Half the price of std::mutex, as
/// letting it go is a plain store: nobody has to be woken, since those who have waited
/// for long sleep between looks. (So a holder that they outrank, on the one processor
/// that both may use, gets its turn.) Not for signal handlers.
template <class Atomics>
class SpinLock {
 public:
  bool try_lock() noexcept {
    return !locked_.exchange(true, std::memory_order_acquire);
  }
  void lock() noexcept {
    for (unsigned looks = 0; !try_lock();) {
      // Reading shares the cache line with the holder; another exchange would take it.
      while (locked_.load(std::memory_order_relaxed)) Atomics::pause(looks++);
    }
  }
  void unlock() noexcept { locked_.store(false, std::memory_order_release); }

 private:
  typename Atomics::template Atomic<bool> locked_{false};
};

}  // namespace tornado
