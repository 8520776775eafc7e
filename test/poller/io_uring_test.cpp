// SPDX-License-Identifier: Apache-2.0
// What a ring does that others need not: it holds files, and works for a thread.
#include <sys/socket.h>

#include <atomic>

#include "poller/every_poller.h"

namespace tornado::test {
namespace {

class IoUring : public testing::Test {
 protected:
  void SetUp() override {
    if (poller_->kind() != PollerKind::io_uring) {
      GTEST_SKIP() << "no io_uring in this build or on this machine";
    }
    poller_->add(pair_.first.get(), Events::read, 1);
  }

  std::size_t look() { return poller_->wait(at_once).size(); }

  /// Whether the other end is closed as far as the kernel is concerned.
  bool is_let_go_of() {
    char byte = 0;
    return ::recv(pair_.second.get(), &byte, 1, MSG_DONTWAIT) == 0;
  }

  std::unique_ptr<Poller> poller_ = make_poller(PollerKind::io_uring);
  FdPair pair_ = make_socket_pair();
};

TEST_F(IoUring, lets_go_of_a_file_when_it_is_removed) {
  EXPECT_EQ(look(), 0u);
  poller_->remove(pair_.first.get());
  pair_.first.reset();
  EXPECT_TRUE(is_let_go_of());
}

TEST_F(IoUring, lets_go_of_a_file_whose_events_were_changed_before) {
  EXPECT_EQ(look(), 0u);
  poller_->modify(pair_.first.get(), Events::write, 1);
  poller_->modify(pair_.first.get(), Events::read, 1);
  poller_->remove(pair_.first.get());
  pair_.first.reset();
  EXPECT_TRUE(is_let_go_of());
}

TEST_F(IoUring, lets_go_of_all_files_when_it_is_destroyed) {
  EXPECT_EQ(look(), 0u);
  poller_.reset();
  pair_.first.reset();
  EXPECT_TRUE(is_let_go_of());
}

TEST_F(IoUring, lets_go_of_a_file_that_was_closed_when_it_is_removed) {
  EXPECT_EQ(look(), 0u);
  const NativeFd number = pair_.first.get();
  pair_.first.reset();
  EXPECT_FALSE(is_let_go_of()) << "as poller_kind.h says";
  poller_->remove(number);
  EXPECT_TRUE(is_let_go_of());
}

TEST_F(IoUring, goes_on_in_another_thread) {
  Thread([this] { EXPECT_EQ(look(), 0u); }).join();
  put_byte(pair_.second);
  EXPECT_EQ(poller_->wait(patience).size(), 1u);
  Thread([this] { EXPECT_EQ(look(), 1u); }).join();
  EXPECT_EQ(look(), 1u);
  drain(pair_.first.get());
  EXPECT_EQ(look(), 0u);
}

TEST_F(IoUring, lets_go_of_a_file_for_another_thread) {
  Thread([this] { EXPECT_EQ(look(), 0u); }).join();
  poller_->remove(pair_.first.get());
  pair_.first.reset();
  EXPECT_TRUE(wait_until([this] { return is_let_go_of(); }));
}

TEST_F(IoUring, lets_go_of_a_file_while_the_thread_that_asked_is_busy) {
  std::atomic<bool> asked{false};
  std::atomic<bool> done{false};
  Thread other([&] {
    EXPECT_EQ(look(), 0u);
    asked = true;
    while (!done) std::this_thread::yield();
  });
  EXPECT_TRUE(wait_until([&] { return asked.load(); }));
  poller_->remove(pair_.first.get());
  pair_.first.reset();
  EXPECT_TRUE(wait_until([this] { return is_let_go_of(); }));
  done = true;
}

}  // namespace
}  // namespace tornado::test
