// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "loop/lanes.h"

namespace tornado::test {
namespace {

using Rest = Lanes::Rest;

class LaneSet : public testing::Test {
 protected:
  std::shared_ptr<LoopLane> add() {
    auto lane = std::make_shared<LoopLane>();
    lanes_.add(lane);
    return lane;
  }
  void push(LoopLane& lane, int number) {
    lane.push([this, number] { order_.push_back(number); }, {});
  }
  /// At most that many of each.
  void run(int most = 1000) {
    lanes_.run([&](LoopLane& lane) {
      lane.front().call();
      lane.pop_front();
      return --most > 0;
    });
  }

  Lanes lanes_;
  std::vector<int> order_;
};

TEST_F(LaneSet, knows_whether_there_is_one_and_whether_one_waits) {
  EXPECT_TRUE(lanes_.none());
  EXPECT_FALSE(lanes_.waiting());
  const auto lane = add();
  EXPECT_FALSE(lanes_.none());
  EXPECT_TRUE(lanes_.waiting()) << "to be looked at";
  run();
  EXPECT_FALSE(lanes_.none());
  EXPECT_FALSE(lanes_.waiting());
  push(*lane, 1);
  EXPECT_TRUE(lanes_.waiting());
  run();
  EXPECT_FALSE(lanes_.waiting());
  EXPECT_EQ(order_, std::vector{1});
}

TEST_F(LaneSet, forgets_whichever_was_abandoned_when_it_is_empty) {
  for (std::size_t which = 0; which < 3; ++which) {
    std::vector<std::shared_ptr<LoopLane>> lanes{add(), add(), add()};
    run();
    push(*lanes[which], 1);
    lanes[which]->abandon();
    const std::weak_ptr<LoopLane> gone = std::exchange(lanes[which], nullptr);
    order_.clear();
    run();
    EXPECT_TRUE(gone.expired());
    for (const auto& lane : lanes) {
      if (lane) push(*lane, 2);
    }
    run();
    EXPECT_EQ(order_, (std::vector{1, 2, 2}));
    for (const auto& lane : lanes) {
      if (lane) lane->abandon();
    }
    lanes.clear();
    run();
    EXPECT_TRUE(lanes_.none());
  }
}

TEST_F(LaneSet, stops_where_it_is_told_to) {
  const auto lane = add();
  for (int i = 0; i < 3; ++i) push(*lane, i);
  run(2);
  EXPECT_EQ(order_, (std::vector{0, 1}));
  EXPECT_TRUE(lanes_.waiting());
  run();
  EXPECT_EQ(order_, (std::vector{0, 1, 2}));
}

TEST_F(LaneSet, destroys_at_clear_what_waits_in_those_it_knows_and_those_that_joined) {
  const auto alive = std::make_shared<int>();
  const auto known = add();
  run();
  const auto first = add();
  const auto second = add();
  for (const auto& lane : {known, first, second}) lane->push([alive] {}, {});
  EXPECT_EQ(alive.use_count(), 4);
  lanes_.clear();
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_TRUE(lanes_.none());
  for (const auto& lane : {known, first, second}) EXPECT_EQ(lane.use_count(), 2);
}

TEST_F(LaneSet, has_its_sign_up_while_it_sleeps_only) {
  const auto lane = add();
  EXPECT_FALSE(lanes_.sign().up());
  EXPECT_EQ(lanes_.fall_asleep(), Rest::refused) << "one has joined";
  EXPECT_FALSE(lanes_.sign().up());
  run();
  EXPECT_EQ(lanes_.fall_asleep(), Rest::sound);
  EXPECT_TRUE(lanes_.sign().up());
  lanes_.wake_up();
  EXPECT_FALSE(lanes_.sign().up());
  push(*lane, 1);
  EXPECT_EQ(lanes_.fall_asleep(), Rest::refused);
  EXPECT_FALSE(lanes_.sign().up());
}

}  // namespace
}  // namespace tornado::test
