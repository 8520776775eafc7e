// SPDX-License-Identifier: Apache-2.0
#include "loop/callback_queue.h"

#include <mutex>
#include <utility>

#include "platform/pause_point.h"

namespace tornado {

CallbackQueue::Pushed CallbackQueue::push(Callback&& callback,
                                          const std::source_location& where) {
  const std::scoped_lock lock(guarded_->lock);
  if (guarded_->closed) return Pushed::refused;
  guarded_->items.push_back(std::move(callback), where);
  const std::size_t size = guarded_->items.size();
  others_.store(size, std::memory_order_relaxed);
  if (size != 1) return Pushed::more;
  telling_.fetch_add(1, std::memory_order_relaxed);
  return Pushed::first;
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
  pause_at(PausePoint::fetched);
  own_.swap(batch);
  own_size_.store(0, std::memory_order_relaxed);
}

void CallbackQueue::fetch() {
  pause_at(PausePoint::fetch_began);
  const std::scoped_lock lock(guarded_->lock);
  fetched_ += guarded_->items.size();
  own_.append(guarded_->items);
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
