// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#include "platform/cpu.h"

namespace tornado {

/// What the lock-free parts are made of. They take it as a template argument, so that
/// test/models can compile the same text with memory that tries every value and every
/// order which the C++ memory model allows.
struct StdMemory {
  template <class T>
  using Atomic = std::atomic<T>;
  /// What is not to be touched by two threads at once.
  template <class T>
  using Plain = T;
  /// As a seq_cst store, for those who fence_heavily() before they load `to`.
  template <class T>
  static void publish(std::atomic<T>& to, T value) noexcept {
    if (fences_are_asymmetric.load(std::memory_order_relaxed)) {
      to.store(value, std::memory_order_release);
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
      to.store(value, std::memory_order_seq_cst);
    }
  }
  /// False: what was published is not ordered, this once.
  static bool fence_heavily() noexcept {
    return !fences_are_asymmetric.load() || heavy_fence();
  }
  /// Between two looks at what another thread will change. The first are short.
  static void pause(unsigned looks) noexcept {
    constexpr unsigned short_ones = 1000;
    if (looks >= short_ones) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
};

}  // namespace tornado
