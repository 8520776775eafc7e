// SPDX-License-Identifier: Apache-2.0
// What depends on the numbers, the pipes and the local sockets of POSIX.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "poller/every_poller.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/descriptors.h"

namespace tornado::test {
namespace {

class EveryPollerPosix : public PollerSuite {
 protected:
  FdPair pipe_ = make_pipe();
  FdPair pair_ = make_socket_pair();
};

TEST_P(EveryPollerPosix, names_the_act_and_the_number_of_what_it_refuses) {
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

TEST_P(EveryPollerPosix, takes_the_next_owner_of_a_closed_number) {
  poller_->add(pipe_.first.get(), Events::read, 1);
  const int number = pipe_.first.get();
  pipe_.first.reset();
  FdPair next = make_socket_pair();
  ASSERT_EQ(next.first.get(), number);
  poller_->add(number, Events::write, 2);
  EXPECT_EQ(wait(), (Found{{2, Events::write}}));
}

TEST_P(EveryPollerPosix, knows_duplicates_apart) {
  const UniqueFd copy = duplicate(pipe_.first.get());
  poller_->add(pipe_.first.get(), Events::read, 1);
  poller_->add(copy.get(), Events::read, 2);
  put_byte(pipe_.second);
  EXPECT_EQ(wait(), (Found{{1, Events::read}, {2, Events::read}}));
  poller_->remove(pipe_.first.get());
  EXPECT_EQ(wait(), (Found{{2, Events::read}}));
}

TEST_P(EveryPollerPosix, reports_a_hang_up_of_a_pipe_to_its_reader) {
  poller_->add(pipe_.first.get(), Events::read, 1);
  put_byte(pipe_.second);
  pipe_.second.reset();
  EXPECT_EQ(told(Events::read, wait_for_one()), Events::read | Events::error);
  drain(pipe_.first.get());
  EXPECT_EQ(told(Events::read, wait_for_one()), Events::read | Events::error);
}

TEST_P(EveryPollerPosix, reports_an_error_to_a_writer_when_the_reader_closes) {
  fill(pipe_.second.get());
  poller_->add(pipe_.second.get(), Events::write, 1);
  pipe_.first.reset();
  EXPECT_EQ(told(Events::write, wait_for_one()), Events::write | Events::error);
}

TEST_P(EveryPollerPosix, reports_an_error_to_a_writer_added_after_the_reader_closed) {
  pipe_.first.reset();
  poller_->add(pipe_.second.get(), Events::write, 1);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(told(Events::write, wait_for_one()), Events::write | Events::error);
  }
  poller_->remove(pipe_.second.get());
  EXPECT_TRUE(wait().empty());
}

TEST_P(EveryPollerPosix, forgets_a_pipe_without_a_reader_when_it_is_closed) {
  pipe_.first.reset();
  poller_->add(pipe_.second.get(), Events::write, 1);
  EXPECT_FALSE(wait().empty());
  pipe_.second.reset();
  (void)wait();  // may only notice that
  EXPECT_TRUE(wait().empty());
}

TEST_P(EveryPollerPosix, reports_the_end_of_a_peers_writing_as_readable_alone) {
  poller_->add(pair_.first.get(), read_write, 1);
  ::shutdown(pair_.second.get(), SHUT_WR);
  EXPECT_EQ(wait_for_one(), read_write);
}

TEST_P(EveryPollerPosix, reports_a_peer_that_is_gone_whatever_was_asked_for) {
  pair_.second.reset();
  for (Events interest : {Events::read, Events::write, read_write}) {
    poller_->add(pair_.first.get(), interest, 1);
    EXPECT_EQ(told(interest, wait_for_one()), interest | Events::error);
    poller_->remove(pair_.first.get());
  }
}

TEST_P(EveryPollerPosix,
       reports_a_hang_up_to_a_writer_who_cannot_write_but_for_select) {
  fill(pair_.first.get());
  ::shutdown(pair_.second.get(), SHUT_RDWR);
  poller_->add(pair_.first.get(), Events::write, 1);
  EXPECT_EQ(wait_for_one(), is(PollerKind::select) ? Events::none : Events::error)
      << "to select a hang-up is a matter of reading";
  poller_->modify(pair_.first.get(), read_write, 1);
  EXPECT_EQ(told(read_write, wait_for_one()), read_write | Events::error);
}

TEST_P(EveryPollerPosix, reports_errors_alone_when_nothing_else_was_asked_for) {
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
  EXPECT_EQ(wait_for_one(), Events::error) << "for as long as it lasts";
}

TEST_P(EveryPollerPosix, reports_a_refused_connection_as_an_error) {
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

TEST_P(EveryPollerPosix, calls_a_regular_file_ready_or_refuses_it_as_epoll_does) {
  const UniqueFd file = open_file("/proc/self/exe", O_RDONLY);
  const auto add = [&] { poller_->add(file.get(), Events::read, 1); };
  if (is(PollerKind::epoll)) {
    EXPECT_EQ(code_of(add), std::errc::operation_not_permitted);
  } else {
    add();
    EXPECT_EQ(wait_for_one(), Events::read);
  }
}

TEST_P(EveryPollerPosix, gives_its_own_descriptors_back) {
  const std::set<int> before = open_numbers();
  {
    const auto other = make_poller(GetParam());
    other->add(pair_.first.get(), Events::write, 1);
    EXPECT_EQ(other->wait(at_once).size(), 1u);
  }
  EXPECT_EQ(open_numbers(), before);
  EXPECT_TRUE(wait().empty());
}

#if defined(SYS_epoll_wait)
constexpr int plain_epoll_wait = SYS_epoll_wait;
#else
constexpr int plain_epoll_wait = SYS_epoll_pwait;
#endif

TEST_P(EveryPollerPosix, says_why_it_cannot_wait) {
  if (!can_deny()) GTEST_SKIP() << "system calls cannot be denied here";
  if (is(PollerKind::kqueue)) GTEST_SKIP() << "whose call is not to be denied here";
  EXPECT_TRUE(passes_in_child([this] {
    poller_->add(pipe_.first.get(), Events::read, 1);
    ASSERT_TRUE(deny({{SYS_epoll_pwait2, ENOMEM},
                      {plain_epoll_wait, ENOMEM},
                      {SYS_ppoll, ENOMEM},
                      {SYS_pselect6, ENOMEM},
                      {SYS_io_uring_enter, ENOMEM}}));
    EXPECT_EQ(code_of([this] { wait(std::chrono::milliseconds(1)); }),
              std::errc::not_enough_memory);
  }));
}

INSTANTIATE_TEST_SUITE_P(, EveryPollerPosix, testing::ValuesIn(poller_kinds()),
                         name_of_poller);

}  // namespace
}  // namespace tornado::test
