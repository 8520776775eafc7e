// SPDX-License-Identifier: Apache-2.0
// What a ring does that others need not: it holds files, and works for a thread.
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <set>
#include <thread>

#include "poller/every_poller.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/descriptors.h"
#include "support/limits.h"
#include "support/log_capture.h"
#include "support/scale.h"
#include "support/wait.h"
#include "tornado/ioloop.h"
#include "tornado/waker.h"

namespace tornado::test {
namespace {

class IoUring : public testing::Test {
 protected:
  void SetUp() override {
    TORNADO_SKIP_IF_REPLACED(PollerKind::io_uring, poller_->kind());
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

TEST_F(IoUring, says_what_it_could_not_withdraw) {
  if (!can_deny()) GTEST_SKIP() << "system calls cannot be denied here";
  EXPECT_EQ(look(), 0u);
  EXPECT_TRUE(passes_in_child([this] {
    const LogCapture log;
    ASSERT_TRUE(deny({{SYS_io_uring_enter, EPERM}}));
    poller_->remove(pair_.first.get());
    EXPECT_TRUE(log.contains("cannot cancel the poll", LogLevel::error));
  }));
}

TEST_F(IoUring, loses_nothing_of_what_its_ring_has_no_room_for) {
  constexpr std::size_t many = 5'000;  // the ring holds 4,096 answers
  const DescriptorLimit room(many + 100);
  std::vector<UniqueFd> ready;
  for (Token token = 2; token < many + 2; ++token) {
    ready.emplace_back(::eventfd(1, EFD_CLOEXEC));
    ASSERT_TRUE(ready.back());
    poller_->add(ready.back().get(), Events::read, token);
  }
  std::set<Token> found;
  for (int looks = 0; looks < 100 && found.size() < many; ++looks) {
    for (const Ready& one : poller_->wait(at_once)) found.insert(one.token);
  }
  EXPECT_EQ(found.size(), many);
}

/// Copies of a descriptor, all of which become readable at once.
class IoUringCrowd : public IoUring {
 protected:
  static constexpr std::size_t many = 9'000;  // one wait takes 8,192 answers

  void SetUp() override {
    if (!can_have_descriptors(many + 1'000)) {
      GTEST_SKIP() << "RLIMIT_NOFILE cannot be raised enough here";
    }
    limit_ = std::make_unique<DescriptorLimit>(many + 1'000);
    IoUring::SetUp();
  }

  void add_copies(Events events) {
    for (Token token = 2; token < many + 2; ++token) {
      copies_.push_back(duplicate(source_.get()));
      poller_->add(copies_.back().get(), events, token);
    }
  }
  void let_be_ready() { ASSERT_EQ(::eventfd_write(source_.get(), 1), 0); }

  /// Of the copies.
  std::size_t find_all() {
    std::set<Token> found;
    for (int looks = 0; looks < 100 && found.size() < many; ++looks) {
      for (const Ready& one : poller_->wait(at_once)) {
        if (1 < one.token && one.token < many + 2) found.insert(one.token);
      }
    }
    return found.size();
  }

  std::unique_ptr<DescriptorLimit> limit_;
  UniqueFd source_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::vector<UniqueFd> copies_;
};

TEST_F(IoUringCrowd, is_found_though_one_wait_does_not_take_all) {
  for (const Events mode : {Events::none, Events::edge}) {
    copies_.clear();
    add_copies(Events::read | mode);
    for (int round = 0; round < 3; ++round) {
      for (int looks = 0; looks < 100 && look() > 0; ++looks) continue;
      EXPECT_EQ(look(), 0u);
      let_be_ready();
      EXPECT_EQ(find_all(), many) << "round " << round;
      (void)drain(source_.get());
    }
    for (const UniqueFd& copy : copies_) poller_->remove(copy.get());
  }
}

// What has told of its peer's end only is withdrawn when it is told of, which fills the
// ring.
TEST_F(IoUringCrowd, finds_a_descriptor_that_becomes_ready_during_reports) {
  constexpr Token others = 200;
  std::vector<FdPair> pairs;
  for (Token i = 0; i < others; ++i) {
    const FdPair& pair = pairs.emplace_back(make_socket_pair());
    fill(pair.first.get());
    ASSERT_EQ(::shutdown(pair.second.get(), SHUT_WR), 0);
    poller_->add(pair.first.get(), Events::write, many + 2 + i);
  }
  add_copies(Events::read);
  EXPECT_EQ(look(), 0u);
  EXPECT_EQ(look(), 0u);
  for (const FdPair& pair : pairs) drain(pair.second.get());
  let_be_ready();
  EXPECT_EQ(find_all(), many);
}

TEST_F(IoUring, forgets_what_it_has_found_of_one_that_is_removed) {
  std::vector<UniqueFd> idle;
  for (Token token = 2; token < 202; ++token) {
    idle.emplace_back(::eventfd(0, EFD_CLOEXEC));
    poller_->add(idle.back().get(), Events::read, token);
  }
  EXPECT_EQ(look(), 0u);
  put_byte(pair_.second);
  // The ring has no room for so much, and is looked at.
  for (Token token = 2; token < 202; ++token) {
    poller_->modify(idle[token - 2].get(), Events::read, token);
  }
  poller_->remove(pair_.first.get());
  EXPECT_EQ(look(), 0u);
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

TEST_F(IoUring, may_outlive_the_ring_that_its_thread_sends_messages_with) {
  Thread([this] {
    // There before that ring, and so destroyed after it.
    thread_local std::unique_ptr<Poller> last;
    last = std::move(poller_);
    EXPECT_TRUE(last->wait(at_once).empty());
  }).join();
  pair_.first.reset();
  EXPECT_TRUE(wait_until([this] { return is_let_go_of(); }));
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

TEST_F(IoUring, loops_that_wake_each_other_lose_no_wake) {
  LoopOptions options{PollerKind::io_uring, WakerKind::eventfd, false};
  IOLoop here(options);
  IOLoop there(options);
  std::size_t left = scaled(20'000);
  std::function<void()> serve = [&] {
    if (left-- == 0) {
      there.stop();
      here.stop();
      return;
    }
    there.add_callback([&] { here.add_callback([&] { serve(); }); });
  };
  here.add_callback([&] { serve(); });
  std::thread thread([&] { there.start(); });
  here.start();
  thread.join();
}

}  // namespace
}  // namespace tornado::test
