// SPDX-License-Identifier: Apache-2.0
// The lock, as the library compiles it, under every order of its memory operations that
// C++ allows. Two holders at once are a data race, and so are two that follow each
// other in no order.
#include <mutex>

#include "platform/spin_lock.h"
#include "proof/models/search.h"

namespace tornado::test {
namespace {

template <unsigned threads, unsigned rounds>
struct Counted : rl::test_suite<Counted<threads, rounds>, threads> {
  void before() { count_ = 0; }
  void thread(unsigned index) {
    for (unsigned i = 0; i < rounds; ++i) {
      // One of them never waits.
      if (index == 0 && i == 0) {
        if (!lock_.try_lock()) continue;
      } else {
        lock_.lock();
      }
      count_ = count_ + 1;
      ++entered_;
      lock_.unlock();
    }
  }
  void after() { RL_ASSERT(count_ == entered_); }

 private:
  SpinLock<ExploredAtomics> lock_;
  ExploredAtomics::NonAtomic<int> count_;
  int entered_ = 0;
};

TEST(SpinLockModel, lets_one_in_at_a_time) {
  expect_no_fault<Counted<2, 3>>("2 threads x 3", at_random(scaled(500'000)));
  expect_no_fault<Counted<3, 2>>("3 threads x 2", at_random(scaled(500'000)));
}

TEST(SpinLockModel, holds_in_every_execution_with_few_switches) {
  expect_no_fault<Counted<2, 2>>("2 threads x 2, 3 switches", in_full(3));
}

TEST(SpinLockModel, fails_with_any_weaker_order_or_operation) {
  using enum Operation;
  const auto params = at_random(100'000);
  const auto caught = [&](const Mutant& fault) {
    expect_caught<Counted<2, 3>>(fault, params);
  };
  caught({"try_lock: relaxed", "::try_lock(", exchange, Fault::relaxed});
  caught({"try_lock: in two steps", "::try_lock(", exchange, Fault::split});
  caught({"unlock: relaxed", "::unlock(", store, Fault::relaxed});
}

}  // namespace
}  // namespace tornado::test
