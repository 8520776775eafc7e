// SPDX-License-Identifier: Apache-2.0
#include "loop/timer_queue.h"

#include <algorithm>
#include <utility>

namespace tornado {
namespace {

constexpr std::size_t arity = 4;

}  // namespace

std::uint32_t TimerQueue::free_slot() {
  if (free_.empty()) {
    nodes_.emplace_back();
    // So that taking a timeout never allocates.
    if (free_.capacity() < nodes_.size()) free_.reserve(nodes_.capacity());
    free_.push_back(static_cast<std::uint32_t>(nodes_.size() - 1));
  }
  return free_.back();
}

TimerQueue::Id TimerQueue::add(TimePoint deadline, QueuedCallback callback) {
  const std::uint32_t slot = free_slot();
  heap_.emplace_back();
  free_.pop_back();
  Node& node = nodes_[slot];
  node.callback = std::move(callback);
  node.sequence = ++last_sequence_;
  sift_up(heap_.size() - 1, Key{deadline, node.sequence, slot});
  ++live_;
  return {slot, node.sequence};
}

QueuedCallback TimerQueue::take(Id id) noexcept {
  if (id.slot >= nodes_.size() || id.sequence == 0) return {};
  Node& node = nodes_[id.slot];
  if (node.sequence != id.sequence) return {};
  if (node.position != not_in_heap) erase(node.position);
  node.sequence = 0;
  free_.push_back(id.slot);
  --live_;
  return std::move(node.callback);
}

void TimerQueue::collect_due(TimePoint now, std::vector<Id>& due) {
  while (!heap_.empty() && heap_.front().deadline <= now) {
    due.push_back({heap_.front().slot, heap_.front().sequence});
    nodes_[heap_.front().slot].position = not_in_heap;
    erase(0);
  }
}

std::vector<QueuedCallback> TimerQueue::clear() {
  std::vector<QueuedCallback> callbacks;
  for (Node& node : std::exchange(nodes_, {})) {
    if (node.sequence != 0) callbacks.push_back(std::move(node.callback));
  }
  heap_.clear();
  free_.clear();
  live_ = 0;
  return callbacks;
}

void TimerQueue::place(std::size_t position, const Key& key) noexcept {
  heap_[position] = key;
  nodes_[key.slot].position = static_cast<std::uint32_t>(position);
}

void TimerQueue::sift_up(std::size_t position, const Key& key) noexcept {
  while (position > 0) {
    const std::size_t parent = (position - 1) / arity;
    if (!key.before(heap_[parent])) break;
    place(position, heap_[parent]);
    position = parent;
  }
  place(position, key);
}

void TimerQueue::sift_down(std::size_t position, const Key& key) noexcept {
  for (;;) {
    const std::size_t first = position * arity + 1;
    if (first >= heap_.size()) break;
    const std::size_t last = std::min(first + arity, heap_.size());
    std::size_t least = first;
    for (std::size_t child = first + 1; child < last; ++child) {
      if (heap_[child].before(heap_[least])) least = child;
    }
    if (!heap_[least].before(key)) break;
    place(position, heap_[least]);
    position = least;
  }
  place(position, key);
}

void TimerQueue::erase(std::size_t position) noexcept {
  const Key moved = heap_.back();
  heap_.pop_back();
  if (position == heap_.size()) return;
  if (position > 0 && moved.before(heap_[(position - 1) / arity])) {
    sift_up(position, moved);
  } else {
    sift_down(position, moved);
  }
}

}  // namespace tornado
