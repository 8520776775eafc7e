// SPDX-License-Identifier: Apache-2.0
// The ring, as the library compiles it, with room for two items, under every order of
// its memory operations that C++ allows.
#include "loop/signal_ring.h"
#include "proof/models/search.h"

namespace tornado::test {
namespace {

void never_called(void*) {}

template <unsigned pushers, unsigned pushes>
struct Ring : rl::test_suite<Ring<pushers, pushes>, pushers + 1> {
  void thread(unsigned index) {
    if (index < pushers) {
      for (unsigned i = 0; i < pushes; ++i) {
        const Value value{index, i};
        if (ring_.push(&never_called, &value, sizeof value)) pushed_[index] |= 1u << i;
      }
    } else {
      for (unsigned i = 0; i < pushers * pushes; ++i) pop();
    }
  }

  void after() {
    while (pop()) {
    }
    for (unsigned i = 0; i < pushers; ++i) RL_ASSERT(popped_[i] == pushed_[i]);
  }

 private:
  struct Value {
    unsigned pusher;
    unsigned number;
  };
  using Tested = BasicSignalRing<ExploredAtomics, 2>;

  bool pop() {
    typename Tested::Item item;
    if (!ring_.pop(item)) return false;
    Value value;
    std::memcpy(&value, item.bytes, sizeof value);
    RL_ASSERT(item.invoke == &never_called);
    RL_ASSERT(value.pusher < pushers && value.number < pushes);
    // In the order in which this thread pushed, and none twice.
    RL_ASSERT(popped_[value.pusher] >> value.number == 0);
    popped_[value.pusher] |= 1u << value.number;
    return true;
  }

  Tested ring_;
  std::array<unsigned, pushers> pushed_{};
  std::array<unsigned, pushers> popped_{};
};

TEST(SignalRingModel, gives_each_item_once_whole_and_in_order) {
  const auto params = at_random(scaled(1'000'000));
  expect_no_fault<Ring<2, 3>>("2 pushers x 3", params);
  expect_no_fault<Ring<3, 2>>("3 pushers x 2", params);
}

TEST(SignalRingModel, holds_in_every_execution_with_few_switches) {
  expect_no_fault<Ring<2, 2>>("2 pushers x 2, 3 switches", in_full(3));
}

TEST(SignalRingModel, fails_with_any_weaker_order_or_operation) {
  using enum Operation;
  const auto params = at_random(1'000'000);
  const auto caught = [&](const Mutant& fault) {
    expect_caught<Ring<2, 3>>(fault, params);
  };
  caught({"push: reads the turn relaxed", "::push(", load, Fault::relaxed});
  caught({"push: gives the turn relaxed", "::push(", store, Fault::relaxed});
  caught({"push: claims in two steps", "::push(", compare_exchange, Fault::split});
  caught({"push: claims what is claimed", "::push(", compare_exchange, Fault::blind});
  caught({"pop: reads the turn relaxed", "::pop(", load, Fault::relaxed});
  caught({"pop: gives the turn relaxed", "::pop(", store, Fault::relaxed});
}

}  // namespace
}  // namespace tornado::test
