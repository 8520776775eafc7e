// SPDX-License-Identifier: Apache-2.0
#include "process/descriptor_moves.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

namespace tornado::test {
namespace {

/// A table of descriptors: what each number leads to, and whether exec keeps it.
struct Place {
  int file;
  bool kept;
  bool operator==(const Place&) const = default;
};
using Table = std::map<int, Place>;

/// What a child does by `plan` with a parent's table in which each number is open, and
/// marked. Fails for a move of a number that is not open.
Table result_of(const DescriptorPlan& plan) {
  Table table;
  const auto end = static_cast<int>(plan.first_unneeded);
  for (int number = 0; number < end; ++number) table[number] = {number, false};
  for (const DescriptorMove& move : plan.moves) {
    EXPECT_TRUE(table.contains(move.from)) << move.from;
    table[move.to] = {table[move.from].file, true};
  }
  std::erase_if(table, [&plan](const auto& entry) {
    return std::ranges::find(plan.kept, entry.first) == plan.kept.end();
  });
  return table;
}

/// That a plan gives what is wanted and nothing else, and copies no more of the
/// parent's table than it needs.
void expect_well_planned(const std::vector<DescriptorMove>& wanted) {
  const DescriptorPlan plan = plan_descriptors(wanted);
  Table table;
  std::vector<int> kept;
  int highest = -1;
  for (const DescriptorMove& move : wanted) {
    table[move.to] = {move.from, true};
    highest = std::max(highest, move.from);
  }
  for (const auto& [number, place] : table) kept.push_back(number);
  std::string moves;
  for (const DescriptorMove& move : wanted) {
    moves += std::to_string(move.from) + " to " + std::to_string(move.to) + " ";
  }
  EXPECT_EQ(result_of(plan), table) << moves;
  EXPECT_EQ(plan.kept, kept) << moves;
  EXPECT_EQ(plan.first_unneeded, static_cast<unsigned>(highest + 1)) << moves;
}

constexpr int number_count = 5;

/// All ways to give some of the numbers from `to` on, each from any.
void try_all(std::vector<DescriptorMove>& wanted, int to) {
  if (testing::Test::HasFailure()) return;
  if (to == number_count) return expect_well_planned(wanted);
  try_all(wanted, to + 1);
  for (int from = 0; from < number_count; ++from) {
    wanted.push_back({from, to});
    try_all(wanted, to + 1);
    wanted.pop_back();
  }
}

TEST(DescriptorMoves, come_out_right_among_five_numbers_whatever_is_wanted) {
  std::vector<DescriptorMove> wanted;
  try_all(wanted, 0);
}

TEST(DescriptorMoves, come_out_right_in_any_order_and_far_apart) {
  std::vector<DescriptorMove> wanted = {{9, 0}, {0, 9}, {70, 3}, {3, 200}, {9, 70}};
  std::sort(wanted.begin(), wanted.end(),
            [](const auto& a, const auto& b) { return a.to < b.to; });
  do {
    expect_well_planned(wanted);
  } while (
      std::next_permutation(wanted.begin(), wanted.end(),
                            [](const auto& a, const auto& b) { return a.to < b.to; }));
}

}  // namespace
}  // namespace tornado::test
