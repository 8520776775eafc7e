// SPDX-License-Identifier: Apache-2.0
#include "loop/callback_list.h"

namespace tornado {

CallbackList::~CallbackList() {
  while (!empty()) pop_front();
  delete first_;
  while (spare_) delete std::exchange(spare_, spare_->next);
}

void CallbackList::append(CallbackList& other) noexcept {
  if (other.empty()) return;
  if (empty()) {
    swap(other);
    return;
  }
  // What was emptied here is filled there: chunks come round and do not pile up.
  if (spares_ > other.spares_) {
    std::swap(spare_, other.spare_);
    std::swap(spares_, other.spares_);
  }
  last_->next = std::exchange(other.first_, nullptr);
  last_ = std::exchange(other.last_, nullptr);
  size_ += std::exchange(other.size_, 0);
}

void CallbackList::add_chunk() {
  Chunk* chunk = spare_;
  if (chunk) {
    spare_ = chunk->next;
    --spares_;
  } else {
    chunk = new Chunk;
  }
  (last_ ? last_->next : first_) = chunk;
  last_ = chunk;
}

void CallbackList::drop_chunk() noexcept {
  Chunk* chunk = first_;
  chunk->begin = chunk->end = 0;
  if (chunk == last_) return;  // the next push's
  first_ = chunk->next;
  if (spares_ == most_spares) {
    delete chunk;
  } else {
    chunk->next = std::exchange(spare_, chunk);
    ++spares_;
  }
}

}  // namespace tornado
