// SPDX-License-Identifier: Apache-2.0
#include "loop/handler_table.h"

#include <utility>

namespace tornado {

std::uint32_t HandlerTable::free_slot() {
  if (free_ != no_slot) return pop(free_);
  if (slots_ % page_size == 0) {
    // So that note_change() never allocates.
    if (changed_.capacity() < slots_ + page_size) {
      changed_.reserve(2 * std::size_t{slots_} + page_size);
    }
    pages_.push_back(std::make_unique<Entry[]>(page_size));
  }
  return slots_++;
}

HandlerTable::Entry& HandlerTable::add(NativeFd fd, IOLoop::Handler handler,
                                       Events events,
                                       const std::source_location& where) {
  const auto index = static_cast<std::size_t>(fd);
  // By no more than is needed: what a vector keeps ready has not been touched.
  if (index >= slot_of_.size()) slot_of_.resize(index + 1, no_slot);
  const std::uint32_t slot = free_slot();
  Entry& entry = at(slot);
  entry.handler = std::move(handler);
  entry.where = where;
  entry.fd = fd;
  entry.generation = latest_.load(std::memory_order_relaxed) + 1;
  latest_.store(entry.generation, std::memory_order_relaxed);
  entry.interest = events;
  entry.applied = Events::none;
  entry.owed = false;
  entry.closes_itself = false;
  entry.state = Entry::State::live;
  slot_of_[index] = slot;
  ++live_;
  return entry;
}

HandlerTable::Entry* HandlerTable::find(NativeFd fd) noexcept {
  return knows(fd) ? &at(slot_of_[static_cast<std::size_t>(fd)]) : nullptr;
}

bool HandlerTable::knows_token(Token token) const noexcept {
  const auto slot = static_cast<std::uint32_t>(token);
  if (slot >= slots_) return false;
  const Entry& entry = at(slot);
  return entry.generation == token >> 32 && entry.state != Entry::State::free;
}

HandlerTable::Entry* HandlerTable::find_token(Token token) noexcept {
  if (!knows_token(token)) return nullptr;
  Entry& entry = at(static_cast<std::uint32_t>(token));
  return entry.state == Entry::State::live ? &entry : nullptr;
}

void HandlerTable::remove(Entry& entry) noexcept {
  entry.state = Entry::State::removed;
  push(removed_, std::exchange(slot_of_[static_cast<std::size_t>(entry.fd)], no_slot));
  --live_;
}

HandlerTable::Entry* HandlerTable::take_change() noexcept {
  Entry& entry = at(changed_.back());
  changed_.pop_back();
  entry.changed = false;
  return entry.state == Entry::State::live ? &entry : nullptr;
}

void HandlerTable::reclaim() noexcept {
  while (removed_ != no_slot) {
    const std::uint32_t slot = pop(removed_);
    Entry& entry = at(slot);
    const IOLoop::Handler doomed = std::move(entry.handler);
    entry.state = Entry::State::free;
    push(free_, slot);
  }
}

}  // namespace tornado
