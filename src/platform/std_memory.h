// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

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
  /// Between two looks at what another thread will change. The first are short.
  static void pause(unsigned looks) noexcept {
    constexpr unsigned short_ones = 200;
    if (looks >= short_ones) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
};

}  // namespace tornado
