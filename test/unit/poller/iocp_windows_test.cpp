// SPDX-License-Identifier: Apache-2.0
// Tests of the poller that uses a completion port.
#include <winsock2.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "platform/handle_windows.h"
#include "platform/loop_waker.h"
#include "poller/every_poller.h"
#include "support/open_numbers.h"
#include "support/wait.h"
#include "tornado/error.h"
#include "tornado/platform.h"
#include "tornado/waker.h"

namespace tornado::test {
namespace {

class Iocp : public testing::Test {
 protected:
  std::map<Token, Events> wait(std::chrono::nanoseconds timeout = at_once) {
    std::map<Token, Events> found;
    for (const Ready& ready : poller_->wait(timeout)) found[ready.token] = ready.events;
    return found;
  }

  using Found = std::map<Token, Events>;
  std::unique_ptr<Poller> poller_ = make_poller(PollerKind::iocp);
  FdPair pair_ = make_socket_pair();
};

TEST_F(Iocp, is_the_best_on_windows) {
  EXPECT_EQ(poller_kinds().front(), PollerKind::iocp);
  EXPECT_EQ(to_string(PollerKind::iocp), "iocp");
}

TEST_F(Iocp, lets_go_of_what_was_removed_and_closed_at_once) {
  poller_->add(pair_.first.get(), Events::read, 1);
  EXPECT_TRUE(wait().empty());  // the driver is asked
  poller_->remove(pair_.first.get());
  pair_.first.reset();
  EXPECT_EQ(read_to_end(pair_.second.get()), "") << "its peer hears of the end";
  EXPECT_TRUE(wait().empty());
}

TEST_F(Iocp, lets_go_of_what_was_closed_and_not_removed) {
  poller_->add(pair_.first.get(), Events::read, 1);
  EXPECT_TRUE(wait().empty());
  pair_.first.reset();
  EXPECT_EQ(read_to_end(pair_.second.get()), "");
  EXPECT_TRUE(wait().empty());
}

TEST_F(Iocp, drops_an_answer_to_the_previous_registration) {
  poller_->add(pair_.first.get(), Events::read, 1);
  EXPECT_TRUE(wait().empty());
  put_byte(pair_.second);  // answered, and not taken yet
  poller_->modify(pair_.first.get(), Events::write, 2);
  EXPECT_EQ(wait(), (Found{{2, Events::write}}));
  poller_->remove(pair_.first.get());
  poller_->add(pair_.first.get(), read_write, 3);
  EXPECT_EQ(wait(), (Found{{3, read_write}}));
}

TEST_F(Iocp, sleeps_on_when_only_a_withdrawn_question_is_answered) {
  poller_->add(pair_.first.get(), Events::read, 1);
  poller_->add(pair_.second.get(), Events::read, 2);
  EXPECT_TRUE(wait().empty());
  poller_->remove(pair_.first.get());
  Thread other([this] { put_byte(pair_.first); });
  EXPECT_EQ(wait(for_ever), (Found{{2, Events::read}}));
}

TEST_F(Iocp, goes_on_after_the_thread_that_asked_has_ended) {
  Thread([this] {
    poller_->add(pair_.first.get(), Events::read, 1);
    EXPECT_TRUE(wait().empty());
  }).join();
  Thread other([this] { put_byte(pair_.second); });
  EXPECT_EQ(wait(for_ever), (Found{{1, Events::read}}));
}

TEST_F(Iocp, tells_the_end_of_a_peers_writing_to_readers_alone) {
  poller_->add(pair_.first.get(), Events::write, 1);
  poller_->add(pair_.second.get(), Events::read, 2);
  ASSERT_EQ(::shutdown(pair_.second.get(), SD_SEND), 0);
  EXPECT_EQ(wait(), (Found{{1, Events::write}}));
  ASSERT_EQ(::shutdown(pair_.first.get(), SD_SEND), 0);
  ASSERT_TRUE(becomes_readable(pair_.second.get()));
  EXPECT_EQ(wait(), (Found{{1, Events::write}, {2, Events::read}}));
}

TEST_F(Iocp, hears_of_new_connections) {
  const UniqueFd listener = make_socket(AF_INET, SOCK_STREAM);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(listener.get(), generic, size), 0);
  ASSERT_EQ(::listen(listener.get(), 5), 0);
  ASSERT_EQ(::getsockname(listener.get(), generic, &size), 0);
  poller_->add(listener.get(), Events::read, 1);
  EXPECT_TRUE(wait().empty());
  const UniqueFd client = make_socket(AF_INET, SOCK_STREAM);
  poller_->add(client.get(), Events::write, 2);
  (void)::connect(client.get(), generic, size);
  Found found;
  while (found.size() < 2) found.merge(wait(patience));
  EXPECT_EQ(found, (Found{{1, Events::read}, {2, Events::write}}));
}

TEST_F(Iocp, finds_many_at_once) {
  constexpr Token pairs = 600;  // more than WaitForMultipleObjects or an fd_set hold
  std::vector<FdPair> all;
  for (Token i = 0; i < pairs; ++i) {
    all.push_back(make_socket_pair());
    poller_->add(all.back().first.get(), Events::read, i);
  }
  EXPECT_TRUE(wait().empty());
  for (const FdPair& pair : all) put_byte(pair.second);
  Found found;
  EXPECT_TRUE(wait_until([&] {
    found.merge(wait());
    return found.size() == pairs;
  }));
  for (FdPair& pair : all) poller_->remove(pair.first.get());
  EXPECT_TRUE(wait().empty());
}

TEST_F(Iocp, gives_its_handles_back_and_what_it_had_asked) {
  const std::set<NativeFd> before = open_numbers();
  {
    const auto other = make_poller(PollerKind::iocp);
    other->add(pair_.first.get(), Events::read, 1);
    EXPECT_TRUE(other->wait(at_once).empty());
    put_byte(pair_.second);
  }
  EXPECT_EQ(open_numbers(), before);
  EXPECT_EQ(drain(pair_.first.get()), 1u);
}

class IocpPort : public Iocp {
 protected:
  IocpPort() {
    poller_->add(waker_.fileno(), Events::read, 0);
    waker_.set_port(poller_->wake_port());
  }
  LoopWaker waker_;
};

TEST_F(IocpPort, ends_a_sleep_without_a_byte) {
  Thread other([this] { waker_.wake(); });
  EXPECT_TRUE(wait(for_ever).empty());
  other.join();
  EXPECT_FALSE(is_readable(waker_.fileno()));
  EXPECT_EQ(waker_.counters().written, 1u);
}

TEST_F(IocpPort, is_not_inherited) {
  EXPECT_TRUE(is_close_exec(poller_->wake_port().fd.get()));
}

TEST_F(IocpPort, wakes_each_time_and_never_twice) {
  for (int i = 0; i < 200; ++i) {
    Thread other([this] { waker_.wake(); });
    EXPECT_TRUE(wait(for_ever).empty());
    waker_.disarm();
    EXPECT_TRUE(waker_.arm());
    other.join();
    EXPECT_TRUE(wait().empty());
  }
  EXPECT_FALSE(is_readable(waker_.fileno()));
  EXPECT_EQ(waker_.counters().written, 200u);
}

TEST_F(IocpPort, leads_into_the_poller_that_came_last) {
  const auto next = make_poller(PollerKind::iocp);
  waker_.set_port(next->wake_port());
  poller_.reset();
  waker_.wake();
  EXPECT_TRUE(next->wait(for_ever).empty());
}

TEST_F(IocpPort, that_is_taken_away_leaves_the_bytes) {
  waker_.set_port({});
  waker_.wake();
  EXPECT_EQ(wait(for_ever), (Found{{0, Events::read}}));
}

TEST_F(IocpPort, post_after_the_poller_is_gone_does_nothing) {
  const auto post = poller_->wake_port().post;
  poller_.reset();
  waker_.wake();
  waker_.close();
  waker_.wake();
  EXPECT_FALSE(post(invalid_fd));
}

TEST_F(IocpPort, keeps_the_last_error) {
  ::SetLastError(ERROR_CRC);
  waker_.wake();
  EXPECT_EQ(::GetLastError(), DWORD{ERROR_CRC});
}

// The port's number must not be anybody else's while a wake may be under way.
TEST_F(IocpPort, is_closed_by_the_last_one_out) {
  const auto run = [] {
    const auto poller = make_poller(PollerKind::iocp);
    LoopWaker waker;
    waker.set_port(poller->wake_port());
    // The run-time keeps handles for as many threads as there ever were at once: always
    // two.
    std::atomic<int> there{0};
    const auto wake = [&] {
      ++there;
      while (there < 2) std::this_thread::yield();
      waker.wake();
    };
    Thread one(wake);
    Thread two(wake);
    waker.close();
  };
  for (int i = 0; i < 20; ++i) run();  // opens everything that is opened once and kept
  const std::set<NativeFd> before = open_numbers();
  for (int i = 0; i < 20; ++i) run();
  // Windows lets go of a thread somewhat later than whoever joins it: also one of
  // `before`.
  EXPECT_TRUE(
      wait_until([&before] { return std::ranges::includes(before, open_numbers()); }));
}

}  // namespace
}  // namespace tornado::test
