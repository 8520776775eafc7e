// SPDX-License-Identifier: Apache-2.0
// Edge-triggered and one-shot, where they are offered.
#include "poller/every_poller.h"

namespace tornado::test {
namespace {

class EveryPollerMode : public PollerSuite {
 protected:
  [[nodiscard]] bool offers(Events mode) const { return has(poller_->modes(), mode); }

  /// The error of those who do not offer it. Nothing is registered then.
  void expect_not_supported(Events mode) {
    const Events events = Events::read | mode;
    const NativeFd fd = pipe_.first.get();
    EXPECT_EQ(code_of([&] { poller_->add(fd, events, 1); }), std::errc::not_supported);
    put_byte(pipe_.second);
    EXPECT_TRUE(wait().empty());
    poller_->add(fd, Events::read, 1);
    EXPECT_EQ(code_of([&] { poller_->modify(fd, events, 2); }),
              std::errc::not_supported);
    EXPECT_EQ(wait(), (Found{{1, Events::read}})) << "as it was before";
  }

  FdPair pipe_ = make_pipe();
};

TEST_P(EveryPollerMode, offers_both_or_none) {
  const bool both =
      !is(PollerKind::poll) && !is(PollerKind::select) && !is(PollerKind::iocp);
  EXPECT_EQ(offers(Events::edge), both);
  EXPECT_EQ(offers(Events::one_shot), both);
}

TEST_P(EveryPollerMode, edge_reports_each_change_once) {
  if (!offers(Events::edge)) return expect_not_supported(Events::edge);
  poller_->add(pipe_.first.get(), Events::read | Events::edge, 1);
  EXPECT_TRUE(wait().empty());
  put_byte(pipe_.second);
  EXPECT_EQ(wait_for_one(), Events::read);
  EXPECT_TRUE(wait().empty()) << "though it is readable still";
  put_byte(pipe_.second);
  EXPECT_EQ(wait_for_one(), Events::read) << "more came";
  EXPECT_TRUE(wait().empty());
}

TEST_P(EveryPollerMode, edge_reports_what_was_there_when_it_was_added) {
  if (!offers(Events::edge)) return expect_not_supported(Events::edge);
  put_byte(pipe_.second);
  poller_->add(pipe_.first.get(), Events::read | Events::edge, 1);
  EXPECT_EQ(wait_for_one(), Events::read);
  EXPECT_TRUE(wait().empty());
  poller_->modify(pipe_.first.get(), Events::read | Events::edge, 1);
  EXPECT_EQ(wait_for_one(), Events::read) << "modify looks again";
}

TEST_P(EveryPollerMode, one_shot_reports_once_until_it_is_modified) {
  if (!offers(Events::one_shot)) return expect_not_supported(Events::one_shot);
  const Events once = Events::read | Events::one_shot;
  poller_->add(pipe_.first.get(), once, 1);
  put_byte(pipe_.second);
  EXPECT_EQ(wait_for_one(), Events::read);
  put_byte(pipe_.second);
  EXPECT_TRUE(wait().empty());
  poller_->modify(pipe_.first.get(), once, 2);
  EXPECT_EQ(wait(), (Found{{2, Events::read}}));
  EXPECT_TRUE(wait().empty());
}

TEST_P(EveryPollerMode, one_shot_that_is_spent_by_one_event_reports_no_other) {
  const FdPair pair = make_socket_pair();
  if (!offers(Events::one_shot)) return expect_not_supported(Events::one_shot);
  poller_->add(pair.first.get(), read_write | Events::one_shot, 1);
  EXPECT_EQ(wait_for_one(), Events::write);
  put_byte(pair.second);
  EXPECT_TRUE(wait().empty());
  poller_->modify(pair.first.get(), read_write | Events::one_shot, 1);
  EXPECT_EQ(wait_for_one(), read_write);
}

TEST_P(EveryPollerMode, edge_of_a_pipe_without_a_reader_is_reported_once) {
  if (!offers(Events::edge)) return expect_not_supported(Events::edge);
  pipe_.first.reset();
  poller_->add(pipe_.second.get(), Events::write | Events::edge, 1);
  EXPECT_EQ(told(Events::write, wait_for_one()), Events::write | Events::error);
  EXPECT_TRUE(wait().empty());
}

TEST_P(EveryPollerMode, can_be_changed) {
  if (!offers(Events::edge)) return expect_not_supported(Events::edge);
  put_byte(pipe_.second);
  poller_->add(pipe_.first.get(), Events::read | Events::edge, 1);
  EXPECT_EQ(wait_for_one(), Events::read);
  poller_->modify(pipe_.first.get(), Events::read, 1);
  EXPECT_EQ(wait_for_one(), Events::read);
  EXPECT_EQ(wait_for_one(), Events::read);
  poller_->modify(pipe_.first.get(), Events::read | Events::edge, 1);
  EXPECT_EQ(wait_for_one(), Events::read);
  EXPECT_TRUE(wait().empty());
}

TEST_P(EveryPollerMode, one_shot_that_is_spent_reports_no_hang_up_either) {
  if (!offers(Events::one_shot)) return expect_not_supported(Events::one_shot);
  poller_->add(pipe_.first.get(), Events::read | Events::one_shot, 1);
  put_byte(pipe_.second);
  EXPECT_EQ(wait_for_one(), Events::read);
  pipe_.second.reset();
  EXPECT_TRUE(wait().empty());
}

INSTANTIATE_TEST_SUITE_P(, EveryPollerMode, testing::ValuesIn(poller_kinds()),
                         name_of_poller);

}  // namespace
}  // namespace tornado::test
