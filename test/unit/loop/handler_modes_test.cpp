// SPDX-License-Identifier: Apache-2.0
// Edges, one_shot and errors alone, where they are offered and where they are refused.
#include <array>

#include "every_loop.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

constexpr Events read_once = Events::read | Events::one_shot;
constexpr Events edges = Events::read | Events::edge;

class HandlerModes : public EveryLoop {
 protected:
  bool has_modes() const {
    return GetParam() != PollerKind::poll && GetParam() != PollerKind::select &&
           GetParam() != PollerKind::iocp;
  }
  /// Both are readable in one look. The one that is called first does `act(other)`.
  template <class Act>
  void both_in_one_look(Events events, Act act) {
    for (std::size_t i = 0; i < 2; ++i) {
      loop.add_handler(
          fd(i),
          [this, act, other = fd(1 - i)](NativeFd self, Events) {
            if (++calls_ > 1) return;
            if (!has(first_, Events::one_shot | Events::edge))
              loop.update_handler(self, Events::none);
            act(other);
          },
          first_ = events);
    }
    for (const FdPair& pair : pairs_) put_byte(pair.second);
    for (int i = 0; i < 3; ++i) turn();
    for (const FdPair& pair : pairs_) loop.remove_handler(pair.first.get());
  }
  NativeFd fd(std::size_t i) const { return pairs_[i].first.get(); }

  std::array<FdPair, 2> pairs_{make_socket_pair(), make_socket_pair()};
  Events first_ = Events::none;
  int calls_ = 0;
};

TEST_P(HandlerModes, report_each_edge_and_each_shot_once) {
  if (!has_modes()) return;  // update_refuses_what_add_refuses
  int edge_calls = 0;
  int shots = 0;
  loop.add_handler(
      fd(0), [&](NativeFd, Events) { ++edge_calls; }, edges);
  loop.add_handler(
      fd(1), [&](NativeFd, Events) { ++shots; }, read_once);
  for (const FdPair& pair : pairs_) put_byte(pair.second);
  for (int i = 0; i < 3; ++i) turn();
  EXPECT_EQ(edge_calls, 1);
  EXPECT_EQ(shots, 1);
  loop.update_handler(fd(1), read_once);
  for (int i = 0; i < 3; ++i) turn();
  EXPECT_EQ(shots, 2);
}

TEST_P(HandlerModes, update_that_finds_an_event_waiting_arms_one_shot_once) {
  if (!has_modes()) return;
  both_in_one_look(read_once,
                   [this](NativeFd other) { loop.update_handler(other, read_once); });
  EXPECT_EQ(calls_, 2);
}

TEST_P(HandlerModes, update_that_makes_a_one_shot_of_a_waiting_event_arms_it_once) {
  if (!has_modes()) return;
  both_in_one_look(Events::read,
                   [this](NativeFd other) { loop.update_handler(other, read_once); });
  EXPECT_EQ(calls_, 2);
}

TEST_P(HandlerModes, pause_that_ends_before_a_waiting_event_arms_one_shot_once) {
  if (!has_modes()) return;
  both_in_one_look(read_once, [this](NativeFd other) {
    loop.update_handler(other, Events::none);
    loop.update_handler(other, read_once);
  });
  EXPECT_EQ(calls_, 2);
}

TEST_P(HandlerModes, one_shot_that_changes_before_its_event_is_told_loses_nothing) {
  if (!has_modes()) return;
  both_in_one_look(read_once, [this](NativeFd other) {
    loop.update_handler(other, Events::error | Events::one_shot);
    loop.add_callback([this, other] { loop.update_handler(other, read_once); });
  });
  EXPECT_EQ(calls_, 2);
}

TEST_P(HandlerModes, one_shot_that_has_fired_is_not_armed_by_a_rebuilt_poller) {
  if (!has_modes()) return;
  int shots = 0;
  loop.add_handler(
      fd(0), [&](NativeFd, Events) { ++shots; }, read_once);
  put_byte(pairs_[0].second);
  turn();
  const UniqueFd twin = duplicate(fd(1));
  const NativeFd number = fd(1);
  put_byte(pairs_[1].second);
  loop.add_handler(
      number, [](NativeFd, Events) {}, Events::read);
  pairs_[1].first.reset();
  loop.remove_handler(number);  // too late: an orphan
  for (int i = 0; i < 3; ++i) turn();
  EXPECT_EQ(shots, 1);
  loop.update_handler(fd(0), read_once);
  turn();
  EXPECT_EQ(shots, 2);
}

// The first that is called hides the other's edge, and a callback of the same turn
// takes that back.
TEST_P(HandlerModes, edge_is_not_lost_by_a_change_that_is_taken_back) {
  if (!has_modes()) return;
  for (const Events hidden : {Events::error | Events::edge, Events::none}) {
    calls_ = 0;
    both_in_one_look(edges, [this, hidden](NativeFd other) {
      loop.update_handler(other, hidden);
      loop.add_callback([this, other] { loop.update_handler(other, edges); });
    });
    EXPECT_EQ(calls_, 2);
  }
}

TEST_P(HandlerModes, update_refuses_what_add_refuses_and_keeps_the_earlier_interest) {
  int reads = 0;
  loop.add_handler(
      fd(0), [&](NativeFd, Events) { ++reads; }, Events::read);
  put_byte(pairs_[0].second);
  for (const Events events : {edges, read_once, Events::error}) {
    const auto refused = error_of([&] {
      loop.add_handler(
          fd(1), [](NativeFd, Events) {}, events);
    });
    loop.remove_handler(fd(1));
    EXPECT_EQ(error_of([&] { loop.update_handler(fd(0), events); }), refused);
    if (refused) {
      EXPECT_EQ(refused, std::errc::not_supported);
      const int before = reads;
      turn();
      EXPECT_EQ(reads, before + 1);
      continue;
    }
    loop.update_handler(fd(0), Events::read);
  }
  EXPECT_EQ(error_of([&] { loop.update_handler(fd(0), Events::error); }) ==
                std::errc::not_supported,
            GetParam() == PollerKind::select);
  EXPECT_EQ(
      error_of([&] { loop.update_handler(fd(0), edges); }) == std::errc::not_supported,
      !has_modes());
}

TEST_P(HandlerModes, update_that_is_refused_does_not_make_the_loop_spin) {
  for (const Events events : {edges, read_once, Events::error}) {
    int reads = 0;
    loop.add_handler(
        fd(0),
        [&](NativeFd self, Events) {
          ++reads;
          loop.update_handler(self, Events::none);
        },
        Events::read);
    if (!error_of([&] { loop.update_handler(fd(0), events); }))
      loop.update_handler(fd(0), Events::read);
    put_byte(pairs_[0].second);
    const std::uint64_t before = loop.counters().turns;
    loop.call_later(20ms, [&] { loop.stop(); });
    start();
    EXPECT_EQ(reads, 1);
    EXPECT_LT(loop.counters().turns - before, few_turns);
    loop.remove_handler(fd(0));
  }
}

// A pause, or a change, of a number that was closed too early: its file lives on, and
// the kernel goes on reporting it.
TEST_P(HandlerModes, change_of_a_closed_descriptor_does_not_make_the_loop_spin) {
  for (const Events events : {Events::none, Events::write}) {
    FdPair pair = make_socket_pair();
    const UniqueFd twin = duplicate(pair.first.get());
    const NativeFd number = pair.first.get();
    loop.add_handler(
        number, [](NativeFd, Events) { ADD_FAILURE(); }, Events::read);
    put_byte(pair.second);
    pair.first.reset();
    loop.update_handler(number, events);
    const std::uint64_t before = loop.counters().turns;
    loop.call_later(20ms, [&] { loop.stop(); });
    start();
    EXPECT_LT(loop.counters().turns - before, few_turns);
    loop.remove_handler(number);
  }
}

TORNADO_ON_EVERY_POLLER(HandlerModes);

}  // namespace
}  // namespace tornado::test
