// SPDX-License-Identifier: Apache-2.0
#include "loop/callback_queue.h"

#include <mutex>
#include <utility>

#include "platform/sync_point.h"

namespace tornado {

CallbackQueue::Pushed CallbackQueue::push(Callback&& callback,
                                          const std::source_location& where) {
  const std::scoped_lock lock(guarded_->lock);
  if (guarded_->closed) return {.accepted = false};
  guarded_->items.push_back(std::move(callback), where);
  others_.store(guarded_->items.size(), std::memory_order_relaxed);
  const std::uint64_t sleep = guarded_->sleep;
  if (sleep == 0 || sleep == woken_from_.load(std::memory_order_relaxed)) {
    return {.accepted = true};
  }
  telling_.fetch_add(1, std::memory_order_relaxed);
  return {.accepted = true, .sleep = sleep};
}

bool CallbackQueue::fall_asleep() noexcept {
  const std::scoped_lock lock(guarded_->lock);
  if (!guarded_->items.empty()) return false;
  guarded_->sleep = ++sleeps_;
  return true;
}

void CallbackQueue::push_own(Callback&& callback, const std::source_location& where) {
  // A push that this thread has heard of is seen by this load, too.
  if (others_.load(std::memory_order_relaxed) != 0) fetch();
  own_.push_back(std::move(callback), where);
  own_size_.store(own_.size(), std::memory_order_relaxed);
}

void CallbackQueue::take(CallbackList& batch) {
  fetched_ = 0;
  if (others_.load(std::memory_order_relaxed) != 0) fetch();
  sync_point(SyncPoint::fetched);
  own_.swap(batch);
  own_size_.store(0, std::memory_order_relaxed);
}

void CallbackQueue::fetch() {
  sync_point(SyncPoint::fetch_began);
  const std::scoped_lock lock(guarded_->lock);
  fetched_ += guarded_->items.size();
  own_.append(guarded_->items);
  guarded_->sleep = 0;
  others_.store(0, std::memory_order_relaxed);
  own_size_.store(own_.size(), std::memory_order_relaxed);
}

CallbackList CallbackQueue::close() {
  {
    const std::scoped_lock lock(guarded_->lock);
    guarded_->closed = true;
  }
  fetch();
  own_size_.store(0, std::memory_order_relaxed);
  return std::exchange(own_, {});
}

bool CallbackQueue::after_fork() {
  telling_.store(0);  // by threads of the parent
  if (guarded_->lock.try_lock()) {
    guarded_->lock.unlock();
    return true;
  }
  auto fresh = std::make_unique<Guarded>();
  // What is half written must not be destroyed.
  (void)guarded_.release();
  guarded_ = std::move(fresh);
  others_.store(0, std::memory_order_relaxed);
  return false;
}

}  // namespace tornado
