// SPDX-License-Identifier: Apache-2.0
#include "loop/handler_table.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <source_location>

#include "support/scale.h"

namespace tornado::test {
namespace {

HandlerTable::Entry& add(HandlerTable& table, NativeFd fd) {
  return table.add(fd, [](NativeFd, Events) {}, Events::read, {});
}

TEST(HandlerTable, finds_by_descriptor_and_by_token) {
  HandlerTable table;
  EXPECT_EQ(table.find(5), nullptr);
  EXPECT_EQ(table.find(-1), nullptr);
  HandlerTable::Entry& entry = add(table, 5);
  EXPECT_EQ(table.find(5), &entry);
  EXPECT_EQ(table.find_token(table.token(entry)), &entry);
  EXPECT_EQ(table.find_token(~Token{0}), nullptr);
  EXPECT_FALSE(table.knows_token(~Token{0}));
  EXPECT_EQ(table.size(), 1u);
}

TEST(HandlerTable, knows_no_token_of_a_slot_that_it_does_not_have) {
  HandlerTable table;
  EXPECT_FALSE(table.knows_token(0));
  EXPECT_EQ(table.find_token(0), nullptr);
}

TEST(HandlerTable, keeps_nothing_of_the_one_before_in_a_slot) {
  HandlerTable table;
  const auto first = std::source_location::current();
  const auto second = std::source_location::current();
  for (const auto& where : {first, second}) {
    HandlerTable::Entry& entry = table.add(
        5, [](NativeFd, Events) {}, Events::read, where);
    EXPECT_EQ(entry.where.line(), where.line());
    EXPECT_EQ(entry.applied, Events::none);
    entry.applied = Events::read;
    table.remove(entry);
    table.reclaim();
  }
}

TEST(HandlerTable, keeps_what_was_removed_whole_until_it_is_reclaimed) {
  HandlerTable table;
  const auto alive = std::make_shared<int>(0);
  HandlerTable::Entry& entry =
      table.add(7, [alive](NativeFd, Events) {}, Events::read, {});
  const Token token = table.token(entry);
  table.remove(entry);
  EXPECT_EQ(table.find(7), nullptr);
  EXPECT_EQ(table.find_token(token), nullptr);
  EXPECT_TRUE(table.knows_token(token));
  EXPECT_EQ(alive.use_count(), 2);
  // The number's next owner is another registration.
  HandlerTable::Entry& next = add(table, 7);
  EXPECT_NE(&next, &entry);
  table.reclaim();
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_FALSE(table.knows_token(token));
  EXPECT_EQ(table.find(7), &next);
}

TEST(HandlerTable, does_not_take_the_next_owner_of_a_slot_for_the_one_before) {
  HandlerTable table;
  const Token before = table.token(add(table, 7));
  table.remove(*table.find(7));
  table.reclaim();
  const Token now = table.token(add(table, 7));
  ASSERT_EQ(static_cast<std::uint32_t>(now), static_cast<std::uint32_t>(before));
  EXPECT_EQ(table.find_token(before), nullptr);
  EXPECT_FALSE(table.knows_token(before));
  EXPECT_TRUE(table.knows_token(now));
}

TEST(HandlerTable, lists_a_change_once_and_not_of_one_that_is_removed) {
  HandlerTable table;
  HandlerTable::Entry& kept = add(table, 5);
  HandlerTable::Entry& removed = add(table, 6);
  table.note_change(kept);
  table.note_change(removed);
  table.note_change(kept);
  table.remove(removed);
  EXPECT_EQ(table.take_change(), nullptr);
  EXPECT_EQ(table.take_change(), &kept);
  EXPECT_FALSE(table.has_changes());
  table.note_change(kept);
  EXPECT_EQ(table.take_change(), &kept);
}

TEST(HandlerTable, never_gives_a_token_twice) {
  HandlerTable table;
  std::set<Token> seen;
  for (int i = 0; i < 1000; ++i) {
    HandlerTable::Entry& entry = add(table, i % 3);
    EXPECT_TRUE(seen.insert(table.token(entry)).second);
    table.remove(entry);
    if (i % 5 == 0) table.reclaim();
  }
}

TEST(HandlerTable, does_what_a_map_does) {
  Random random(test_seed());
  HandlerTable table;
  std::map<NativeFd, Token> model;
  std::set<Token> removed;
  for (std::uint64_t i = 0; i < scaled(50'000); ++i) {
    const auto fd = static_cast<NativeFd>(random.below(700));
    if (!model.contains(fd)) {
      model[fd] = table.token(add(table, fd));
    } else if (random.one_in(2)) {
      removed.insert(model[fd]);
      table.remove(*table.find_token(model[fd]));
      model.erase(fd);
    } else if (random.one_in(50)) {
      table.reclaim();
      for (const Token token : removed) EXPECT_FALSE(table.knows_token(token));
      removed.clear();
    }
  }
  EXPECT_EQ(table.size(), model.size());
  std::map<NativeFd, Token> found;
  table.for_each(
      [&](HandlerTable::Entry& entry) { found[entry.fd] = table.token(entry); });
  EXPECT_EQ(found, model);
}

TEST(HandlerTable, takes_descriptors_of_any_number) {
  HandlerTable table;
  add(table, 1'000'000);
  EXPECT_TRUE(table.covers(1'000'000));
  EXPECT_FALSE(table.covers(1'000'001));
  EXPECT_NE(table.find(1'000'000), nullptr);
  EXPECT_EQ(table.find(999'999), nullptr);
}

}  // namespace
}  // namespace tornado::test
