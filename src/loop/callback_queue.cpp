// SPDX-License-Identifier: Apache-2.0
#include "loop/callback_queue.h"

#include <iterator>
#include <utility>

namespace tornado {

CallbackQueue::Pushed CallbackQueue::push(Callback&& callback,
                                          const std::source_location& where) {
  const std::scoped_lock lock(guarded_->mutex);
  if (guarded_->closed) return Pushed::refused;
  guarded_->items.push_back({std::move(callback), where});
  const std::size_t size = guarded_->items.size();
  others_.store(size, std::memory_order_relaxed);
  return size == 1 ? Pushed::first : Pushed::more;
}

void CallbackQueue::push_own(Callback&& callback, const std::source_location& where) {
  // A push that this thread has heard of is seen by this load, too.
  if (others_.load(std::memory_order_relaxed) != 0) fetch();
  own_.push_back({std::move(callback), where});
  own_size_.store(own_.size(), std::memory_order_relaxed);
}

void CallbackQueue::take(std::vector<QueuedCallback>& batch) {
  fetched_ = 0;
  if (others_.load(std::memory_order_relaxed) != 0) fetch();
  own_.swap(batch);
  own_size_.store(0, std::memory_order_relaxed);
}

void CallbackQueue::fetch() {
  const std::scoped_lock lock(guarded_->mutex);
  fetched_ += guarded_->items.size();
  if (own_.empty()) {
    own_.swap(guarded_->items);
  } else {
    own_.insert(own_.end(), std::make_move_iterator(guarded_->items.begin()),
                std::make_move_iterator(guarded_->items.end()));
    guarded_->items.clear();
  }
  others_.store(0, std::memory_order_relaxed);
  own_size_.store(own_.size(), std::memory_order_relaxed);
}

std::vector<QueuedCallback> CallbackQueue::close() {
  {
    const std::scoped_lock lock(guarded_->mutex);
    guarded_->closed = true;
  }
  fetch();
  own_size_.store(0, std::memory_order_relaxed);
  return std::exchange(own_, {});
}

bool CallbackQueue::after_fork() {
  if (guarded_->mutex.try_lock()) {
    guarded_->mutex.unlock();
    return true;
  }
  auto fresh = std::make_unique<Guarded>();
  // Neither the locked mutex nor the half-written items may be destroyed.
  (void)guarded_.release();
  guarded_ = std::move(fresh);
  others_.store(0, std::memory_order_relaxed);
  return false;
}

}  // namespace tornado
