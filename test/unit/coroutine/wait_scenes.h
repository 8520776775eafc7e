// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>

#include "stage.h"
#include "tornado/channel.h"
#include "tornado/locks.h"
#include "tornado/queues.h"

namespace tornado::test {

/// Counts its live objects, so that a lost or doubled one shows.
class Item {
 public:
  explicit Item(int number) : number_(number) { ++live; }
  Item(Item&& other) noexcept : number_(std::exchange(other.number_, -1)) {
    if (number_ < 0) ++doubled;
  }
  Item& operator=(Item&& other) noexcept {
    if (number_ >= 0) --live;
    number_ = std::exchange(other.number_, -1);
    return *this;
  }
  ~Item() {
    if (number_ >= 0) --live;
  }
  [[nodiscard]] int number() const noexcept { return number_; }
  friend bool operator<(const Item& a, const Item& b) noexcept {
    return a.number_ < b.number_;
  }

  static inline int live = 0;
  static inline int doubled = 0;

 private:
  int number_;
};

/// A waiting task, and the act on it. `served` tells whether it got its result.
struct Waiter {
  explicit Waiter(IOLoop& loop) : group(std::make_unique<TaskGroup>(loop)) {}
  std::unique_ptr<TaskGroup> group;
  int served = 0;
  int failed = 0;
};

/// What one kind of wait has to offer.
class Scene {
 public:
  Scene() = default;
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  virtual ~Scene() = default;
  /// Waits, counts what came in `waiter`, and keeps it until the next suspension.
  virtual Task<void> wait(Waiter& waiter, Delay timeout) = 0;
  /// Lets one go on.
  virtual void choose() = 0;
  virtual void destroy() = 0;
  /// After all tasks have ended: what was chosen, and not used up by a waiter, is
  /// there. `chosen` calls of choose() were made.
  virtual void check(int chosen, int served) = 0;
};

class SemaphoreScene final : public Scene {
 public:
  Task<void> wait(Waiter& waiter, Delay timeout) override {
    SemaphorePermit permit = co_await semaphore_->acquire(timeout);
    permit.detach();
    ++waiter.served;
  }
  void choose() override { semaphore_->release(); }
  void destroy() override { semaphore_.reset(); }
  void check(int chosen, int served) override {
    if (!semaphore_) return;
    EXPECT_EQ(semaphore_->value() + served, chosen);
  }

 private:
  std::unique_ptr<Semaphore> semaphore_ = std::make_unique<Semaphore>(0);
};

class LockScene final : public Scene {
 public:
  Task<void> wait(Waiter& waiter, Delay timeout) override {
    const LockGuard guard = co_await lock_->acquire(timeout);
    ++waiter.served;
    co_await moment();
  }
  void choose() override {
    if (!std::exchange(released_, true)) lock_->release();
  }
  void destroy() override { lock_.reset(); }
  void check(int chosen, int) override {
    EXPECT_FALSE(lock_ && chosen > 0 && lock_->locked());
  }

 private:
  static std::unique_ptr<Lock> locked() {
    auto lock = std::make_unique<Lock>();
    const auto hold = [](Lock& held) -> Task<> {
      LockGuard guard = co_await held.acquire();
      guard.detach();
    };
    IOLoop::current()->run_sync(hold(*lock));
    return lock;
  }
  std::unique_ptr<Lock> lock_ = locked();
  bool released_ = false;
};

class ConditionScene final : public Scene {
 public:
  Task<void> wait(Waiter& waiter, Delay timeout) override {
    const bool notified = co_await condition_->wait(timeout);
    if (notified) ++waiter.served;
  }
  void choose() override { condition_->notify(); }
  void destroy() override { condition_.reset(); }
  void check(int chosen, int served) override { EXPECT_LE(served, chosen); }

 private:
  std::unique_ptr<Condition> condition_ = std::make_unique<Condition>();
};

class EventScene final : public Scene {
 public:
  Task<void> wait(Waiter& waiter, Delay timeout) override {
    co_await event_->wait(timeout);
    ++waiter.served;
  }
  void choose() override { event_->set(); }
  void destroy() override { event_.reset(); }
  void check(int, int) override {}

 private:
  std::unique_ptr<Event> event_ = std::make_unique<Event>();
};

/// Getters, and items as they are put.
template <class Q>
class GetScene final : public Scene {
 public:
  Task<void> wait(Waiter& waiter, Delay timeout) override {
    const Item item = co_await queue_->get(timeout);
    EXPECT_GE(item.number(), 0);
    ++waiter.served;
  }
  void choose() override { queue_->put_nowait(Item(next_++)); }
  void destroy() override { queue_.reset(); }
  void check(int chosen, int served) override {
    const int left = queue_ ? static_cast<int>(queue_->qsize()) : 0;
    EXPECT_TRUE(!queue_ || left + served == chosen) << left << " left";
    EXPECT_EQ(Item::live, left);
  }

 private:
  std::unique_ptr<Q> queue_ = std::make_unique<Q>();
  int next_ = 0;
};

/// Putters of a full queue, and gets.
class PutScene final : public Scene {
 public:
  PutScene() { queue_->put_nowait(Item(0)); }
  Task<void> wait(Waiter& waiter, Delay timeout) override {
    Item item(++next_);
    co_await queue_->put(std::move(item), timeout);
    ++waiter.served;
  }
  void choose() override {
    if (queue_->empty()) return;
    (void)queue_->get_nowait();
    ++got_;
  }
  void destroy() override { queue_.reset(); }
  void check(int, int served) override {
    // A put that took effect stays so if its task is destroyed before it knows.
    if (queue_) {
      EXPECT_GE(static_cast<int>(queue_->qsize()) + got_, 1 + served);
    }
    EXPECT_EQ(Item::live, queue_ ? static_cast<int>(queue_->qsize()) : 0);
  }

 private:
  std::unique_ptr<Queue<Item>> queue_ = std::make_unique<Queue<Item>>(1);
  int next_ = 0;
  int got_ = 0;
};

class ReceiveScene final : public Scene {
 public:
  Task<void> wait(Waiter& waiter, Delay timeout) override {
    const std::optional<Item> item = co_await channel_->receive(timeout);
    if (item) ++waiter.served;
  }
  void choose() override { EXPECT_TRUE(channel_->try_send(Item(next_++))); }
  void destroy() override { channel_.reset(); }
  void check(int chosen, int served) override {
    const int left = channel_ ? static_cast<int>(channel_->size()) : 0;
    EXPECT_TRUE(!channel_ || left + served == chosen) << left << " left";
    EXPECT_EQ(Item::live, left);
  }

 private:
  std::unique_ptr<Channel<Item>> channel_ = std::make_unique<Channel<Item>>(100);
  int next_ = 0;
};

class SendScene final : public Scene {
 public:
  SendScene() { EXPECT_TRUE(channel_->try_send(Item(0))); }
  Task<void> wait(Waiter& waiter, Delay timeout) override {
    Item item(++next_);
    co_await channel_->send(std::move(item), timeout);
    ++waiter.served;
  }
  void choose() override { got_ += channel_->try_receive() ? 1 : 0; }
  void destroy() override { channel_.reset(); }
  void check(int, int served) override {
    if (channel_) {
      EXPECT_GE(static_cast<int>(channel_->size()) + got_, 1 + served);
    }
    EXPECT_EQ(Item::live, channel_ ? static_cast<int>(channel_->size()) : 0);
  }

 private:
  std::unique_ptr<Channel<Item>> channel_ = std::make_unique<Channel<Item>>(1);
  int next_ = 0;
  int got_ = 0;
};

}  // namespace tornado::test
