// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

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
  /// Waits between two looks at what another thread will change. The first waits are
  /// short.
  static void pause(unsigned looks) noexcept {
    constexpr unsigned short_ones = 1000;
    if (looks >= short_ones) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
};

}  // namespace tornado
