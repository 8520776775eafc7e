// SPDX-License-Identifier: Apache-2.0
// Calls of rings that fail.
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <set>
#include <vector>

#include "poller/poller.h"
#include "support/log_capture.h"
#include "support/pollers.h"
#include "support/wait.h"
#include "tornado/faults.h"
#include "tornado/tornado.h"

namespace tornado::test {
namespace {

/// A poller over io_uring, and eventfds that it watches: more than its ring has room
/// for.
class RingFaults : public testing::Test {
 protected:
  void SetUp() override {
    TORNADO_SKIP_IF_REPLACED(PollerKind::io_uring, poller_->kind());
  }

  void watch(std::size_t count, unsigned value) {
    for (Token token = 0; token < count; ++token) {
      watched_.emplace_back(::eventfd(value, EFD_CLOEXEC | EFD_NONBLOCK));
      poller_->add(watched_.back().get(), Events::read, token);
    }
  }
  static Fault no_submit() {
    return {.call = "io_uring_submit", .error = ENXIO, .nth = 1, .persistent = true};
  }

  static constexpr std::chrono::nanoseconds at_once{0};
  std::unique_ptr<Poller> poller_ = make_poller(PollerKind::io_uring);
  std::vector<UniqueFd> watched_;
};

TEST_F(RingFaults, lose_no_request_that_there_was_no_room_for) {
  watch(300, 1);
  const FaultInjection injection(no_submit());
  std::set<Token> found;
  for (int waits = 0; waits < 100 && found.size() < watched_.size(); ++waits) {
    for (const Ready& one : poller_->wait(patience)) found.insert(one.token);
  }
  EXPECT_EQ(found.size(), watched_.size());
  EXPECT_GT(injection.failures(), 0u);
}

TEST_F(RingFaults, bring_no_event_of_what_could_not_be_withdrawn) {
  watch(300, 0);
  EXPECT_TRUE(poller_->wait(at_once).empty());
  {
    const LogCapture log;
    const FaultInjection injection(no_submit());
    for (const UniqueFd& fd : watched_) poller_->remove(fd.get());
    EXPECT_TRUE(log.contains("cannot cancel the poll", LogLevel::error));
  }
  for (const UniqueFd& fd : watched_) ASSERT_EQ(::eventfd_write(fd.get(), 1), 0);
  constexpr Token other = 1000;
  poller_->add(watched_.back().get(), Events::read, other);
  const auto found = poller_->wait(patience);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].token, other);
}

}  // namespace
}  // namespace tornado::test
