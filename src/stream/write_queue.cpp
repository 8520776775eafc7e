// SPDX-License-Identifier: Apache-2.0
#include "stream/write_queue.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace tornado {

WriteQueue::Chunk* WriteQueue::new_chunk() {
  static_assert(sizeof(Chunk) <= Chunk::header);
  return ::new (allocate_block()) Chunk;
}

void WriteQueue::free_chunk(Chunk* chunk) noexcept {
  free_block(reinterpret_cast<std::byte*>(chunk));
}

// All chunks are there before the first byte is copied.
void WriteQueue::append_in_chunks(Bytes bytes) {
  const std::size_t fits = room_in_place();
  WriteQueue more;
  for (std::size_t left = bytes.size(); left > fits;) {
    Chunk* const chunk = new_chunk();
    (more.last_ ? more.last_->next : more.first_) = chunk;
    more.last_ = chunk;
    left -= (std::min)(left - fits, Chunk::room);
  }
  Chunk* to = last_ ? last_ : more.first_;
  if (more.first_) {
    (last_ ? last_->next : first_) = std::exchange(more.first_, nullptr);
    last_ = std::exchange(more.last_, nullptr);
  }
  size_ += bytes.size();
  while (!bytes.empty()) {
    const std::size_t count = (std::min)(bytes.size(), Chunk::room - to->end);
    std::memcpy(to->bytes() + to->end, bytes.data(), count);
    to->end += count;
    bytes = bytes.subspan(count);
    to = to->next;
  }
}

std::size_t WriteQueue::pieces(std::span<Bytes> out) const noexcept {
  std::size_t count = 0;
  for (Chunk* chunk = first_; chunk && count < out.size(); chunk = chunk->next) {
    out[count++] = chunk->piece();
  }
  return count;
}

void WriteQueue::consume(std::size_t count) noexcept {
  size_ -= count;
  while (first_ && count >= first_->end - first_->begin) {
    count -= first_->end - first_->begin;
    free_chunk(std::exchange(first_, first_->next));
  }
  if (first_) {
    first_->begin += count;
  } else {
    last_ = nullptr;
  }
}

void WriteQueue::clear() noexcept {
  while (first_) free_chunk(std::exchange(first_, first_->next));
  last_ = nullptr;
  size_ = 0;
}

}  // namespace tornado
