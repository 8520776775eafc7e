// SPDX-License-Identifier: Apache-2.0
#include "loop/callback_queue.h"

#include <utility>

namespace tornado {

CallbackQueue::Pushed CallbackQueue::push(Callback& callback,
                                          const std::source_location& where) {
  const std::scoped_lock lock(guarded_->mutex);
  if (guarded_->closed) return Pushed::refused;
  guarded_->items.push_back({std::move(callback), where});
  const std::size_t size = guarded_->items.size();
  size_.store(size, std::memory_order_relaxed);
  return size == 1 ? Pushed::first : Pushed::more;
}

void CallbackQueue::take(std::vector<QueuedCallback>& batch) {
  const std::scoped_lock lock(guarded_->mutex);
  guarded_->items.swap(batch);
  size_.store(0, std::memory_order_relaxed);
}

std::vector<QueuedCallback> CallbackQueue::close() {
  const std::scoped_lock lock(guarded_->mutex);
  guarded_->closed = true;
  size_.store(0, std::memory_order_relaxed);
  return std::exchange(guarded_->items, {});
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
  size_.store(0, std::memory_order_relaxed);
  return false;
}

}  // namespace tornado
