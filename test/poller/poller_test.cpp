// SPDX-License-Identifier: Apache-2.0
// What every poller does.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <vector>

#include "poller/every_poller.h"
#include "support/descriptors.h"

namespace tornado::test {
namespace {

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
  poller_->remove(999);
  poller_->remove(-1);
  const int closed = make_socket_pair().first.get();
  poller_->remove(closed);
  EXPECT_TRUE(wait().empty());
}

TEST_P(EveryPoller, refuses_a_number_that_is_not_open) {
  for (int fd : {999, -1}) {
    EXPECT_EQ(code_of([&] { poller_->add(fd, Events::read, 1); }),
              std::errc::bad_file_descriptor);
    EXPECT_EQ(code_of([&] { poller_->modify(fd, Events::read, 1); }),
              std::errc::bad_file_descriptor);
  }
  EXPECT_TRUE(wait().empty());
}

TEST_P(EveryPoller, names_the_act_and_the_number_of_what_it_refuses) {
  try {
    poller_->add(999, Events::read, 1);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::system_error& e) {
    const std::string message = e.what();
    EXPECT_NE(message.find("add fd 999: Bad file descriptor"), std::string::npos)
        << message;
    EXPECT_NE(message.find(to_string(GetParam())), std::string::npos) << message;
  }
}

TEST_P(EveryPoller, a_refused_modify_leaves_the_others_as_they_were) {
  poller_->add(pair_.first.get(), Events::write, 1);
  EXPECT_TRUE(code_of([&] { poller_->modify(999, Events::read, 2); }));
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

TEST_P(EveryPoller, takes_the_next_owner_of_a_closed_number) {
  poller_->add(pipe_.first.get(), Events::read, 1);
  const int number = pipe_.first.get();
  pipe_.first.reset();
  FdPair next = make_socket_pair();
  ASSERT_EQ(next.first.get(), number);
  poller_->add(number, Events::write, 2);
  EXPECT_EQ(wait(), (Found{{2, Events::write}}));
}

TEST_P(EveryPoller, knows_duplicates_apart) {
  const UniqueFd copy = duplicate(pipe_.first.get());
  poller_->add(pipe_.first.get(), Events::read, 1);
  poller_->add(copy.get(), Events::read, 2);
  put_byte(pipe_.second);
  EXPECT_EQ(wait(), (Found{{1, Events::read}, {2, Events::read}}));
  poller_->remove(pipe_.first.get());
  EXPECT_EQ(wait(), (Found{{2, Events::read}}));
}

TEST_P(EveryPoller, reports_a_hang_up_of_a_pipe_to_its_reader) {
  poller_->add(pipe_.first.get(), Events::read, 1);
  put_byte(pipe_.second);
  pipe_.second.reset();
  EXPECT_EQ(told(Events::read, wait_for_one()), Events::read | Events::error);
  drain(pipe_.first.get());
  EXPECT_EQ(told(Events::read, wait_for_one()), Events::read | Events::error);
}

TEST_P(EveryPoller, reports_to_the_writer_of_a_pipe_that_nobody_reads) {
  fill(pipe_.second.get());
  poller_->add(pipe_.second.get(), Events::write, 1);
  pipe_.first.reset();
  EXPECT_EQ(told(Events::write, wait_for_one()), Events::write | Events::error);
}

TEST_P(EveryPoller, reports_the_end_of_a_peers_writing_as_readable_alone) {
  poller_->add(pair_.first.get(), read_write, 1);
  ::shutdown(pair_.second.get(), SHUT_WR);
  EXPECT_EQ(wait_for_one(), read_write);
}

TEST_P(EveryPoller, reports_a_peer_that_is_gone_whatever_was_asked_for) {
  pair_.second.reset();
  for (Events interest : {Events::read, Events::write, read_write}) {
    poller_->add(pair_.first.get(), interest, 1);
    EXPECT_EQ(told(interest, wait_for_one()), interest | Events::error);
    poller_->remove(pair_.first.get());
  }
}

TEST_P(EveryPoller, reports_a_hang_up_to_a_writer_who_cannot_write_but_for_select) {
  fill(pair_.first.get());
  ::shutdown(pair_.second.get(), SHUT_RDWR);
  poller_->add(pair_.first.get(), Events::write, 1);
  EXPECT_EQ(wait_for_one(), is(PollerKind::select) ? Events::none : Events::error)
      << "to select a hang-up is a matter of reading";
  poller_->modify(pair_.first.get(), read_write, 1);
  EXPECT_EQ(told(read_write, wait_for_one()), read_write | Events::error);
}

TEST_P(EveryPoller, reports_errors_alone_when_nothing_else_was_asked_for) {
  const auto add = [&] { poller_->add(pair_.first.get(), Events::error, 1); };
  if (is(PollerKind::select)) {
    EXPECT_EQ(code_of(add), std::errc::not_supported);
    return;
  }
  add();
  put_byte(pair_.second);
  EXPECT_TRUE(wait().empty());
  pair_.second.reset();
  EXPECT_EQ(wait_for_one(), Events::error);
}

TEST_P(EveryPoller, reports_a_refused_connection_as_an_error) {
  UniqueFd listener = make_socket(AF_INET, SOCK_STREAM);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(listener.get(), generic, size), 0);  // bound, and not listening
  ASSERT_EQ(::getsockname(listener.get(), generic, &size), 0);
  const UniqueFd client = make_socket(AF_INET, SOCK_STREAM);
  ASSERT_EQ(::connect(client.get(), generic, size), -1);
  poller_->add(client.get(), Events::write, 1);
  EXPECT_EQ(told(Events::write, wait_for_one(patience)), Events::write | Events::error);
}

TEST_P(EveryPoller, calls_a_regular_file_ready_or_refuses_it_as_epoll_does) {
  const UniqueFd file = open_file("/proc/self/exe", O_RDONLY);
  const auto add = [&] { poller_->add(file.get(), Events::read, 1); };
  if (is(PollerKind::epoll)) {
    EXPECT_EQ(code_of(add), std::errc::operation_not_permitted);
  } else {
    add();
    EXPECT_EQ(wait_for_one(), Events::read);
  }
}

TEST_P(EveryPoller, gives_its_own_descriptors_back) {
  const std::set<int> before = open_numbers();
  {
    const auto other = make_poller(GetParam());
    other->add(pair_.first.get(), Events::write, 1);
    EXPECT_EQ(other->wait(at_once).size(), 1u);
  }
  EXPECT_EQ(open_numbers(), before);
  EXPECT_TRUE(wait().empty());
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
