// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#include "platform/thread.h"

namespace tornado {

/// The atomics policy of the lock-free parts. It is a template argument, so that
/// test/proof/models compiles the same source with atomics that try every value and
/// order that the C++ memory model allows.
struct StdAtomics {
  template <class T>
  using Atomic = std::atomic<T>;
  /// A variable that two threads never access at the same time.
  template <class T>
  using NonAtomic = T;
  /// Acts as a seq_cst store for threads that call fence_heavily() before they load
  /// `to`.
  template <class T>
  static void publish(std::atomic<T>& to, T value) noexcept {
    if (fences_are_asymmetric.load(std::memory_order_relaxed)) {
      to.store(value, std::memory_order_release);
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
      to.store(value, std::memory_order_seq_cst);
    }
  }
  /// False: this call has not ordered the stores of publish().
  static bool fence_heavily() noexcept {
    return !fences_are_asymmetric.load() || heavy_fence();
  }
  /// Waits between two looks at what another thread will change. The first waits are
  /// short.
  static void pause(unsigned looks) noexcept {
    constexpr unsigned short_ones = 1000;
    if (looks >= short_ones) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
};

}  // namespace tornado
