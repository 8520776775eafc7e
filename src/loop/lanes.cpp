// SPDX-License-Identifier: Apache-2.0
#include "loop/lanes.h"

namespace tornado {
namespace {

void destroy_waiting(LoopLane& lane) noexcept {
  while (lane.taken() != lane.pushed()) lane.pop_front();
}

}  // namespace

// If there is no memory, nothing has changed.
void Lanes::admit() {
  Joined* newest = joined_.load();
  do {
    std::size_t more = 0;
    for (const Joined* one = newest; one; one = one->next) ++more;
    lanes_.reserve(lanes_.size() + more);
  } while (!joined_.compare_exchange_weak(newest, nullptr));
  while (newest) {
    const std::unique_ptr<Joined> one(newest);
    newest = one->next;
    lanes_.push_back(std::move(one->lane));
  }
}

void Lanes::clear() noexcept {
  for (const auto& lane : lanes_) destroy_waiting(*lane);
  lanes_.clear();
  refuse_joined();
}

void Lanes::refuse_joined() noexcept {
  for (Joined* next = joined_.exchange(nullptr); next;) {
    const std::unique_ptr<Joined> one(next);
    destroy_waiting(*one->lane);
    next = one->next;
  }
}

}  // namespace tornado
