// SPDX-License-Identifier: Apache-2.0
#include "loop/handler_table.h"

#include <utility>

namespace tornado {

std::uint32_t HandlerTable::free_slot() {
  if (!free_.empty()) {
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    return slot;
  }
  if (slots_ % page_size == 0) {
    pages_.push_back(std::make_unique<Entry[]>(page_size));
    // So that neither remove() nor reclaim() ever allocates.
    free_.reserve(slots_ + page_size);
    removed_.reserve(slots_ + page_size);
  }
  return slots_++;
}

HandlerTable::Entry& HandlerTable::add(NativeFd fd, IOLoop::Handler handler,
                                       Events events,
                                       const std::source_location& where) {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= slot_of_.size()) slot_of_.resize(index + index / 2 + 1, no_slot);
  const std::uint32_t slot = free_slot();
  Entry& entry = at(slot);
  entry.handler = std::move(handler);
  entry.where = where;
  entry.fd = fd;
  entry.slot = slot;
  ++entry.generation;
  entry.interest = events;
  entry.state = Entry::State::live;
  slot_of_[index] = slot;
  ++live_;
  return entry;
}

HandlerTable::Entry* HandlerTable::find(NativeFd fd) noexcept {
  const auto index = static_cast<std::size_t>(fd);
  if (fd < 0 || index >= slot_of_.size() || slot_of_[index] == no_slot) return nullptr;
  return &at(slot_of_[index]);
}

bool HandlerTable::knows(Token token) const noexcept {
  const auto slot = static_cast<std::uint32_t>(token);
  if (slot >= slots_) return false;
  const Entry& entry = at(slot);
  return entry.generation == token >> 32 && entry.state != Entry::State::free;
}

HandlerTable::Entry* HandlerTable::find(Token token) noexcept {
  if (!knows(token)) return nullptr;
  Entry& entry = at(static_cast<std::uint32_t>(token));
  return entry.state == Entry::State::live ? &entry : nullptr;
}

void HandlerTable::remove(Entry& entry) noexcept {
  slot_of_[static_cast<std::size_t>(entry.fd)] = no_slot;
  entry.state = Entry::State::removed;
  removed_.push_back(entry.slot);
  --live_;
}

void HandlerTable::reclaim() noexcept {
  while (!removed_.empty()) {
    Entry& entry = at(removed_.back());
    removed_.pop_back();
    const IOLoop::Handler doomed = std::move(entry.handler);
    entry.state = Entry::State::free;
    free_.push_back(entry.slot);
  }
}

}  // namespace tornado
