// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace tornado {

/// A lock around a few stores, for std::scoped_lock. It costs half of a std::mutex, as
/// unlock() is a plain store and wakes no thread. A thread that has waited for long
/// sleeps between looks, so that a holder of lower priority on the same processor can
/// run. Not for signal handlers.
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
