// SPDX-License-Identifier: Apache-2.0
// How the ends of TCP connections look to every poller on Windows.
#include <winsock2.h>

#include "platform/handle_windows.h"
#include "poller/every_poller.h"

namespace tornado::test {
namespace {

class EveryPollerWindows : public PollerSuite {
 protected:
  FdPair pair_ = make_socket_pair();
};

TEST_P(EveryPollerWindows, tells_the_end_of_a_peers_writing_to_who_reads) {
  poller_->add(pair_.first.get(), Events::read, 1);
  EXPECT_TRUE(wait().empty());
  ASSERT_EQ(::shutdown(pair_.second.get(), SD_SEND), 0);
  EXPECT_EQ(wait_for_one(patience), Events::read);
  char byte;
  EXPECT_EQ(::recv(pair_.first.get(), &byte, 1, 0), 0);
}

TEST_P(EveryPollerWindows, tells_of_a_reset_connection) {
  const linger at_once{1, 0};
  ASSERT_EQ(::setsockopt(pair_.second.get(), SOL_SOCKET, SO_LINGER,
                         reinterpret_cast<const char*>(&at_once), sizeof at_once),
            0);
  poller_->add(pair_.first.get(), Events::read, 1);
  pair_.second.reset();
  EXPECT_TRUE(has(told(Events::read, wait_for_one(patience)), Events::read));
  char byte;
  EXPECT_LE(::recv(pair_.first.get(), &byte, 1, 0), 0) << "Wine tells of an end";
}

TEST_P(EveryPollerWindows, reports_a_refused_connection_as_an_error) {
  const UniqueFd bound = make_socket(AF_INET, SOCK_STREAM);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(bound.get(), generic, size), 0);  // and not listening
  ASSERT_EQ(::getsockname(bound.get(), generic, &size), 0);
  const UniqueFd client = make_socket(AF_INET, SOCK_STREAM);
  ASSERT_EQ(::connect(client.get(), generic, size), SOCKET_ERROR);
  poller_->add(client.get(), Events::write, 1);
  EXPECT_EQ(told(Events::write, wait_for_one(patience)), Events::write | Events::error);
}

TEST_P(EveryPollerWindows, refuses_a_handle_that_is_no_socket) {
  const UniqueFd event(as_fd(::CreateEventW(nullptr, FALSE, FALSE, nullptr)));
  EXPECT_EQ(code_of([&] { poller_->add(event.get(), Events::read, 1); }),
            std::errc::not_a_socket);
}

TEST_P(EveryPollerWindows, waits_for_more_than_an_fd_set_holds) {
  std::vector<FdPair> pairs;
  for (Token i = 0; i < FD_SETSIZE + 10; ++i) {
    pairs.push_back(make_socket_pair());
    poller_->add(pairs.back().first.get(), Events::read, i);
  }
  for (const FdPair& pair : pairs) put_byte(pair.second);
  Found found;
  EXPECT_TRUE(wait_until([&] { return (found = wait()).size() == pairs.size(); }));
}

INSTANTIATE_TEST_SUITE_P(, EveryPollerWindows, testing::ValuesIn(poller_kinds()),
                         name_of_poller);

}  // namespace
}  // namespace tornado::test
