// SPDX-License-Identifier: Apache-2.0
#include "loop/callback_list.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace tornado::test {
namespace {

const auto here = std::source_location::current();

/// Notes its number when it runs, holds its owner's count up until it is destroyed, and
/// knows whether its bytes arrived.
template <std::size_t size>
struct Sized {
  Sized(std::vector<int>& o, int n, std::shared_ptr<int> a)
      : order(&o), number(n), alive(std::move(a)) {
    filling.fill(static_cast<char>(n));
  }
  void operator()() const {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(this) % alignof(Sized), 0u);
    for (const char c : filling) EXPECT_EQ(c, static_cast<char>(number));
    order->push_back(number);
  }
  std::vector<int>* order;
  int number;
  std::shared_ptr<int> alive;
  std::array<char, size> filling;
};

class CallbackLists : public testing::Test {
 protected:
  Callback numbered(int n) {
    switch (n % 4) {
      case 0:
        return [this, n] { order_.push_back(n); };
      case 1:
        return Sized<1>(order_, n, alive_);
      case 2:
        return Sized<16>(order_, n, alive_);
      default:
        return Sized<200>(order_, n, alive_);
    }
  }
  void push(CallbackList& list, int from, int to) {
    for (int n = from; n < to; ++n) list.push_back(numbered(n), here);
  }
  void run(CallbackList& list, std::size_t most) {
    for (; most > 0 && !list.empty(); --most) {
      EXPECT_EQ(list.front().where().line(), here.line());
      list.front().call();
      list.pop_front();
    }
  }
  void expect_run(int count) {
    ASSERT_EQ(order_.size(), static_cast<std::size_t>(count));
    for (int n = 0; n < count; ++n) ASSERT_EQ(order_[static_cast<std::size_t>(n)], n);
    EXPECT_EQ(alive_.use_count(), 1) << "each destroyed";
  }

  std::vector<int> order_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

TEST_F(CallbackLists, run_in_order_what_is_of_any_size) {
  CallbackList list;
  push(list, 0, 10'000);
  EXPECT_EQ(list.size(), 10'000u);
  run(list, 10'000);
  EXPECT_TRUE(list.empty());
  expect_run(10'000);
}

TEST_F(CallbackLists, grow_and_shrink_at_any_length) {
  CallbackList list;
  int pushed = 0;
  for (std::size_t length = 1; length < 400; ++length) {
    push(list, pushed, pushed + static_cast<int>(length));
    pushed += static_cast<int>(length);
    run(list, length / 2);
    EXPECT_EQ(list.size(), static_cast<std::size_t>(pushed) - order_.size());
  }
  run(list, list.size());
  expect_run(pushed);
}

TEST_F(CallbackLists, join_others_wherever_they_stand) {
  for (const int first : {0, 1, 100, 1000}) {
    for (const int second : {0, 1, 100, 1000}) {
      for (const int gone : {0, 1, 70}) {
        order_.clear();
        CallbackList list, other;
        push(list, 0, first);
        run(list, static_cast<std::size_t>(gone));
        push(other, first, first + second);
        list.append(other);
        EXPECT_TRUE(other.empty());
        push(list, first + second, first + second + 10);
        run(list, list.size());
        expect_run(first + second + 10);
        push(other, 0, 3);
        EXPECT_EQ(other.size(), 3u) << "of use again";
      }
    }
  }
}

TEST_F(CallbackLists, destroy_what_did_not_run) {
  {
    CallbackList list;
    push(list, 0, 1000);
    run(list, 300);
    EXPECT_GT(alive_.use_count(), 1);
    CallbackList moved = std::move(list);
    EXPECT_EQ(moved.size(), 700u);
    moved = CallbackList();
    EXPECT_TRUE(moved.empty());
  }
  expect_run(300);
}

// A callback that throws leaves the list as a callback that returns.
TEST_F(CallbackLists, let_an_exception_pass) {
  CallbackList list;
  list.push_back([] { throw 1; }, here);
  push(list, 0, 1);
  EXPECT_THROW(list.front().call(), int);
  list.pop_front();
  run(list, 1);
  expect_run(1);
}

}  // namespace
}  // namespace tornado::test
