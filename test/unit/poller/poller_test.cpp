// SPDX-License-Identifier: Apache-2.0
// What every poller does.
#include <vector>

#include "poller/every_poller.h"

namespace tornado::test {
namespace {

constexpr NativeFd never_open = 999;

class EveryPoller : public PollerSuite {
 protected:
  FdPair pipe_ = make_pipe();
  FdPair pair_ = make_socket_pair();
};

TEST_P(EveryPoller, tells_its_kind) {
  EXPECT_EQ(poller_->kind(), GetParam());
}

TEST_P(EveryPoller, finds_nothing_when_it_has_nothing) {
  EXPECT_TRUE(wait().empty());
}

TEST_P(EveryPoller, finds_a_descriptor_readable_once_there_is_something_to_read) {
  poller_->add(pipe_.first.get(), Events::read, 7);
  EXPECT_TRUE(wait().empty());
  put_byte(pipe_.second);
  EXPECT_EQ(wait(), (Found{{7, Events::read}}));
}

TEST_P(EveryPoller, is_level_triggered) {
  poller_->add(pipe_.first.get(), Events::read, 7);
  put_byte(pipe_.second);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(wait_for_one(), Events::read);
  drain(pipe_.first.get());
  EXPECT_TRUE(wait().empty());
}

TEST_P(EveryPoller, finds_a_descriptor_writable_until_its_buffer_is_full) {
  poller_->add(pipe_.second.get(), Events::write, 7);
  EXPECT_EQ(wait_for_one(), Events::write);
  fill(pipe_.second.get());
  EXPECT_TRUE(wait().empty());
  drain(pipe_.first.get());
  EXPECT_EQ(wait_for_one(), Events::write);
}

TEST_P(EveryPoller, reports_only_what_was_asked_for) {
  poller_->add(pair_.first.get(), Events::read, 7);
  EXPECT_TRUE(wait().empty()) << "it is writable";
  put_byte(pair_.second);
  poller_->modify(pair_.first.get(), Events::write, 7);
  EXPECT_EQ(wait_for_one(), Events::write);
  poller_->modify(pair_.first.get(), read_write, 7);
  EXPECT_EQ(wait_for_one(), read_write);
}

TEST_P(EveryPoller, gives_back_the_token_of_each_whatever_its_bits) {
  const Token greatest = ~Token{0};
  poller_->add(pair_.first.get(), Events::write, greatest);
  poller_->add(pair_.second.get(), Events::write, 0);
  EXPECT_EQ(wait(), (Found{{0, Events::write}, {greatest, Events::write}}));
}

TEST_P(EveryPoller, modify_changes_the_token) {
  poller_->add(pair_.first.get(), Events::write, 1);
  poller_->modify(pair_.first.get(), Events::write, 2);
  EXPECT_EQ(wait(), (Found{{2, Events::write}}));
}

TEST_P(EveryPoller, add_of_a_known_number_replaces_what_was_there) {
  poller_->add(pair_.first.get(), Events::write, 1);
  poller_->add(pair_.first.get(), Events::read, 2);
  EXPECT_TRUE(wait().empty());
  put_byte(pair_.second);
  EXPECT_EQ(wait(), (Found{{2, Events::read}}));
}

TEST_P(EveryPoller, modify_of_an_unknown_number_adds_it) {
  poller_->modify(pair_.first.get(), Events::write, 3);
  EXPECT_EQ(wait(), (Found{{3, Events::write}}));
}

TEST_P(EveryPoller, is_silent_about_what_was_removed) {
  poller_->add(pair_.first.get(), Events::write, 1);
  poller_->add(pair_.second.get(), Events::write, 2);
  poller_->remove(pair_.first.get());
  EXPECT_EQ(wait(), (Found{{2, Events::write}}));
  poller_->remove(pair_.second.get());
  EXPECT_TRUE(wait().empty());
}

TEST_P(EveryPoller, removes_from_the_middle_and_the_ends_of_many) {
  std::vector<FdPair> pairs;
  for (Token i = 0; i < 10; ++i) {
    pairs.push_back(make_socket_pair());
    poller_->add(pairs.back().first.get(), Events::write, i);
  }
  for (std::size_t gone : {5u, 0u, 9u, 1u}) {
    poller_->remove(pairs[gone].first.get());
    pairs[gone].first.reset();
  }
  Found left;
  for (Token i : {2u, 3u, 4u, 6u, 7u, 8u}) left[i] = Events::write;
  EXPECT_EQ(wait(), left);
}

TEST_P(EveryPoller, takes_a_removed_descriptor_back) {
  poller_->add(pair_.first.get(), Events::write, 1);
  poller_->remove(pair_.first.get());
  poller_->add(pair_.first.get(), Events::write, 2);
  EXPECT_EQ(wait(), (Found{{2, Events::write}}));
}

TEST_P(EveryPoller, remove_of_what_is_not_there_is_no_error) {
  poller_->remove(pair_.first.get());
  poller_->remove(never_open);
  poller_->remove(invalid_fd);
  const NativeFd closed = make_socket_pair().first.get();
  poller_->remove(closed);
  EXPECT_TRUE(wait().empty());
}

TEST_P(EveryPoller, refuses_a_number_that_is_not_open) {
  for (const NativeFd fd : {never_open, invalid_fd}) {
    EXPECT_EQ(code_of([&] { poller_->add(fd, Events::read, 1); }),
              std::errc::bad_file_descriptor);
    EXPECT_EQ(code_of([&] { poller_->modify(fd, Events::read, 1); }),
              std::errc::bad_file_descriptor);
  }
  EXPECT_TRUE(wait().empty());
}

TEST_P(EveryPoller, a_refused_modify_leaves_the_others_as_they_were) {
  poller_->add(pair_.first.get(), Events::write, 1);
  EXPECT_TRUE(code_of([&] { poller_->modify(never_open, Events::read, 2); }));
  EXPECT_EQ(wait(), (Found{{1, Events::write}}));
}

TEST_P(EveryPoller, forgets_what_was_closed_and_finds_the_others) {
  poller_->add(pipe_.first.get(), Events::read, 1);
  poller_->add(pair_.first.get(), Events::write, 2);
  pipe_.first.reset();
  Found found;
  EXPECT_TRUE(wait_until([&] { return !(found = wait()).empty(); }))
      << "the first wait may only notice that it is gone";
  EXPECT_EQ(found, (Found{{2, Events::write}}));
  EXPECT_EQ(wait(), (Found{{2, Events::write}}));
}

TEST_P(EveryPoller, keeps_no_list_in_common_with_another_of_its_kind) {
  const auto other = make_poller(GetParam());
  other->add(pair_.first.get(), Events::write, 1);
  EXPECT_TRUE(wait().empty());
}

INSTANTIATE_TEST_SUITE_P(, EveryPoller, testing::ValuesIn(poller_kinds()),
                         name_of_poller);

}  // namespace
}  // namespace tornado::test
