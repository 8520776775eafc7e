// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace tornado {

/// Lets any number of threads in until it is shut. Exactly one call says "you are the
/// last", after which nobody is in or will be let in.
template <class Memory>
class Gate {
 public:
  /// Whether it is open. leave() has to follow in either case.
  [[nodiscard]] bool enter() noexcept {
    return !(state_.fetch_add(one, std::memory_order_acq_rel) & shut_bit);
  }
  /// True: the last.
  [[nodiscard]] bool leave() noexcept {
    return state_.fetch_sub(one, std::memory_order_acq_rel) == (one | shut_bit) &&
           claim();
  }
  /// True: the last.
  [[nodiscard]] bool shut() noexcept {
    return state_.fetch_or(shut_bit, std::memory_order_acq_rel) == 0 && claim();
  }
  /// In a forked child, where nobody is inside whatever the count says.
  void evict() noexcept { state_.fetch_and(shut_bit, std::memory_order_acq_rel); }

 private:
  // A latecomer counts itself in and out again, and so can see zero a second time.
  bool claim() noexcept { return !claimed_.exchange(true, std::memory_order_acq_rel); }

  static constexpr std::uint32_t shut_bit = 1;
  static constexpr std::uint32_t one = 2;
  typename Memory::template Atomic<std::uint32_t> state_{0};
  typename Memory::template Atomic<bool> claimed_{false};
};

}  // namespace tornado
