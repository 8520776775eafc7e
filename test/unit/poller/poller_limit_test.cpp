// SPDX-License-Identifier: Apache-2.0
// Great numbers of descriptors, and descriptors with great numbers.
#include <fcntl.h>
#include <sys/select.h>

#include <set>
#include <vector>

#include "poller/every_poller.h"
#include "support/limits.h"

namespace tornado::test {
namespace {

constexpr int greatest_number = 4000;

UniqueFd at_number(int number, const UniqueFd& of) {
  UniqueFd fd(::fcntl(of.get(), F_DUPFD_CLOEXEC, number));
  EXPECT_EQ(fd.get(), number);
  return fd;
}

class EveryPollerAtLimits : public PollerSuite {
 protected:
  void SetUp() override {
    PollerSuite::SetUp();
    if (!can_have_descriptors(greatest_number + 1000)) {
      GTEST_SKIP() << "RLIMIT_NOFILE cannot be raised enough here";
    }
    limit_ = std::make_unique<DescriptorLimit>(greatest_number + 1000);
  }

  std::unique_ptr<DescriptorLimit> limit_;
  FdPair pipe_ = make_pipe();
};

TEST_P(EveryPollerAtLimits, takes_the_last_number_below_FD_SETSIZE) {
  const UniqueFd last = at_number(FD_SETSIZE - 1, pipe_.first);
  poller_->add(last.get(), Events::read, 1);
  EXPECT_TRUE(wait().empty());
  put_byte(pipe_.second);
  EXPECT_EQ(wait(), (Found{{1, Events::read}}));
  poller_->remove(last.get());
  EXPECT_TRUE(wait().empty());
}

TEST_P(EveryPollerAtLimits, takes_numbers_beyond_FD_SETSIZE_or_refuses_them_clearly) {
  for (int number : {FD_SETSIZE, greatest_number}) {
    const UniqueFd beyond = at_number(number, pipe_.first);
    const auto add = [&] { poller_->add(number, Events::read, 1); };
    if (is(PollerKind::select)) {
      EXPECT_EQ(code_of(add), std::errc::invalid_argument);
      EXPECT_EQ(code_of([&] { poller_->modify(number, Events::read, 1); }),
                std::errc::invalid_argument);
      poller_->remove(number);
      EXPECT_TRUE(wait().empty());
    } else {
      put_byte(pipe_.second);
      add();
      EXPECT_EQ(wait(), (Found{{1, Events::read}}));
      poller_->remove(number);
      drain(pipe_.first.get());
    }
  }
}

TEST(Select, names_the_number_and_the_limit_of_what_it_refuses) {
  const auto poller = make_poller(PollerKind::select);
  try {
    poller->add(greatest_number, Events::read, 1);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::system_error& e) {
    EXPECT_STREQ(e.what(),
                 "select add fd 4000, beyond FD_SETSIZE 1024: Invalid argument");
  }
}

class Crowd {
 public:
  explicit Crowd(std::size_t pairs) {
    for (std::size_t i = 0; i < pairs; ++i) pairs_.push_back(make_socket_pair());
  }
  void add_to(Poller& poller) {
    for (std::size_t i = 0; i < size(); ++i) poller.add(end(i).get(), Events::read, i);
  }
  void write_to_all() {
    for (std::size_t i = 0; i < size(); ++i) put_byte(end(i ^ 1));
  }
  [[nodiscard]] std::size_t size() const { return 2 * pairs_.size(); }
  [[nodiscard]] const UniqueFd& end(std::size_t i) const {
    return i % 2 ? pairs_[i / 2].second : pairs_[i / 2].first;
  }

 private:
  std::vector<FdPair> pairs_;
};

TEST_P(EveryPollerAtLimits, finds_each_of_thousands) {
  Crowd crowd(is(PollerKind::select) ? 480 : 1100);
  crowd.add_to(*poller_);
  EXPECT_TRUE(wait().empty());
  crowd.write_to_all();
  std::set<Token> seen;
  for (int waits = 0; seen.size() < crowd.size() && waits < 100; ++waits) {
    for (const auto& [token, events] : wait()) {
      EXPECT_EQ(events, Events::read);
      EXPECT_TRUE(seen.insert(token).second) << "drained, and ready again: " << token;
      EXPECT_EQ(drain(crowd.end(static_cast<std::size_t>(token)).get()), 1u);
    }
  }
  EXPECT_EQ(seen.size(), crowd.size());
  EXPECT_TRUE(wait().empty());
}

TEST_P(EveryPollerAtLimits, starves_none_of_thousands_that_stay_ready) {
  Crowd crowd(is(PollerKind::select) ? 480 : 2200);
  crowd.add_to(*poller_);
  crowd.write_to_all();
  std::set<Token> seen;
  int waits = 0;
  for (; seen.size() < crowd.size() && waits < 1000; ++waits) {
    for (const auto& [token, events] : wait()) seen.insert(token);
  }
  EXPECT_EQ(seen.size(), crowd.size()) << "after " << waits << " waits";
}

TEST_P(EveryPollerAtLimits, finds_the_one_that_is_ready_among_thousands) {
  Crowd crowd(is(PollerKind::select) ? 480 : 1100);
  crowd.add_to(*poller_);
  for (std::size_t one : {std::size_t{0}, crowd.size() / 2, crowd.size() - 1}) {
    put_byte(crowd.end(one ^ 1));
    EXPECT_EQ(wait(), (Found{{one, Events::read}}));
    drain(crowd.end(one).get());
  }
}

INSTANTIATE_TEST_SUITE_P(, EveryPollerAtLimits, testing::ValuesIn(poller_kinds()),
                         name_of_poller);

}  // namespace
}  // namespace tornado::test
