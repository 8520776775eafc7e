// SPDX-License-Identifier: Apache-2.0
// A lane, as the library compiles it, with chunks of three callbacks, and the sign that
// its loop puts up before it sleeps, under every order of their memory operations that
// C++ allows. The one fence that is heavier on the sleeper's side is no part of C++:
// the model has what the library does where the system has no such fence.
#include <optional>

#include "loop/lanes.h"
#include "proof/models/search.h"

namespace tornado::test {
namespace {

/// As where membarrier works: what orders more than this is done by the sleeper.
struct LightMemory : ExploredAtomics {
  template <class T>
  static void publish(Atomic<T>& to, std::type_identity_t<T> value,
                      At at = At::current()) {
    to.store(value, std::memory_order_release, at);
  }
};

template <class Atomics>
using SmallLane = LaneQueue<Atomics, 128>;

// Lanes are made and destroyed within the search, as the checker has an operator new of
// its own there.

/// What each callback needs from its pusher: to read it unordered is a data race.
template <unsigned pushes>
struct Parcels {
  ExploredAtomics::NonAtomic<unsigned> sent[pushes];
  unsigned received = 0;

  template <class Lane>
  void push(Lane& lane, unsigned i) {
    sent[i] = i + 1;
    lane.push([this, i] { receive(i); }, std::source_location());
  }
  void receive(unsigned i) {
    RL_ASSERT(i == received);
    RL_ASSERT(sent[i] == i + 1);
    ++received;
  }
  template <class Lane>
  static void take(Lane& lane) {
    lane.front().call();
    lane.pop_front();
  }
};

template <unsigned pushes>
struct Passed : rl::test_suite<Passed<pushes>, 2> {
  void thread(unsigned index) {
    for (unsigned i = 0; i < pushes; ++i) {
      if (index == 0) {
        parcels_.push(*lane_, i);
      } else if (lane_->pushed() != lane_->taken()) {
        parcels_.take(*lane_);
      }
    }
  }
  void before() { lane_.emplace(); }
  void after() {
    while (lane_->pushed() != lane_->taken()) parcels_.take(*lane_);
    RL_ASSERT(parcels_.received == pushes);
    lane_.reset();
  }

 private:
  Parcels<pushes> parcels_;
  std::optional<SmallLane<LightMemory>> lane_;
};

/// The pusher goes away after the last; the taker must not go before it.
struct Abandoned : rl::test_suite<Abandoned, 2> {
  void before() { lane_.emplace(); }
  void after() { lane_.reset(); }
  void thread(unsigned index) {
    if (index == 0) {
      for (unsigned i = 0; i < 2; ++i) parcels_.push(*lane_, i);
      lane_->abandon();
      return;
    }
    for (int looks = 0; looks < 3; ++looks) {
      const bool last = lane_->abandoned();
      while (lane_->pushed() != lane_->taken()) parcels_.take(*lane_);
      if (!last) continue;
      RL_ASSERT(parcels_.received == 2);
      return;
    }
  }

 private:
  Parcels<2> parcels_;
  std::optional<SmallLane<LightMemory>> lane_;
};

template <unsigned pushes>
struct Slept : rl::test_suite<Slept<pushes>, 2> {
  void thread(unsigned index) {
    if (index == 0) {
      for (unsigned i = 0; i < pushes; ++i) {
        parcels_.push(*lane_, i);
        if (sign_.up()) woken_ = true;
      }
      return;
    }
    using enum SleepSign<ExploredAtomics>::Rest;
    const auto waiting = [this] { return lane_->pushed() != lane_->taken(); };
    for (unsigned looks = 0; looks < pushes; ++looks) {
      asleep_ = sign_.put_up(waiting) == sound;
      if (asleep_) return;
      parcels_.take(*lane_);
    }
  }
  void before() { lane_.emplace(); }
  void after() {
    RL_ASSERT(!asleep_ || woken_ || parcels_.received == pushes);
    lane_.reset();
  }

 private:
  Parcels<pushes> parcels_;
  std::optional<SmallLane<ExploredAtomics>> lane_;
  SleepSign<ExploredAtomics> sign_;
  bool asleep_ = false;
  bool woken_ = false;
};

TEST(LaneModel, gives_each_callback_once_whole_and_in_order) {
  expect_no_fault<Passed<4>>("4 callbacks", at_random(scaled(500'000)));
  expect_no_fault<Passed<9>>("9 callbacks, chunks used again",
                             at_random(scaled(300'000)));
  expect_no_fault<Abandoned>("2 callbacks and the end", at_random(scaled(300'000)));
}

TEST(LaneModel, loses_no_wake) {
  expect_no_fault<Slept<1>>("1 callback", at_random(scaled(300'000)));
  expect_no_fault<Slept<3>>("3 callbacks", at_random(scaled(500'000)));
}

TEST(LaneModel, does_so_in_any_execution_with_few_switches) {
  expect_no_fault<Passed<4>>("4 callbacks, 3 switches", in_full(3));
  expect_no_fault<Slept<2>>("2 callbacks, 3 switches", in_full(3));
  expect_no_fault<Abandoned>("2 callbacks and the end, 3 switches", in_full(3));
}

TEST(LaneModel, fails_with_any_weaker_order) {
  using enum Operation;
  const auto params = at_random(300'000);
  expect_caught<Passed<4>>({"push: relaxed", "::push(", store, Fault::relaxed}, params);
  expect_caught<Passed<4>>({"pushed: relaxed", "::pushed(", load, Fault::relaxed},
                           params);
  expect_caught<Passed<9>>(
      {"drop_chunk: relaxed", "::drop_chunk(", compare_exchange, Fault::relaxed},
      params);
  expect_caught<Passed<9>>(
      {"add_chunk: relaxed", "::add_chunk(", exchange, Fault::relaxed}, params);
  expect_caught<Abandoned>({"abandon: relaxed", "::abandon(", store, Fault::relaxed},
                           params);
  expect_caught<Abandoned>({"abandoned: relaxed", "::abandoned(", load, Fault::relaxed},
                           params);
  expect_caught<Slept<3>>({"push: release only", "::push(", store, Fault::release},
                          params);
  expect_caught<Slept<3>>({"pushed: acquire only", "::pushed(", load, Fault::acquire},
                          params);
  expect_caught<Slept<3>>({"put_up: release only", "::put_up(", store, Fault::release},
                          params);
  expect_caught<Slept<3>>({"up: acquire only", "::up(", load, Fault::acquire}, params);
}

}  // namespace
}  // namespace tornado::test
