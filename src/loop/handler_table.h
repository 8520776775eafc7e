// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <source_location>
#include <vector>

#include "poller/poller.h"
#include "tornado/ioloop.h"

namespace tornado {

/// What is registered, by descriptor and by token.
///
/// A token names one registration for ever: its slot, and a generation that no other
/// registration has had there. An event for a descriptor that was removed, closed and
/// opened again therefore finds nothing. Slots do not move, and a removed one stays
/// whole until reclaim(), so that a handler may remove itself while it runs.
class HandlerTable {
 public:
  struct Entry {
    IOLoop::Handler handler;
    std::source_location where;
    NativeFd fd = invalid_fd;
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;
    Events interest = Events::none;
    enum class State : std::uint8_t { free, live, removed } state = State::free;
  };

  /// The caller has checked that find(fd) is null.
  Entry& add(NativeFd fd, IOLoop::Handler handler, Events events,
             const std::source_location& where);
  [[nodiscard]] Entry* find(NativeFd fd) noexcept;
  /// Null if it was removed, before or after the last reclaim().
  [[nodiscard]] Entry* find(Token token) noexcept;
  /// Whether the token was live at the last reclaim(), though it may be removed now.
  [[nodiscard]] bool knows(Token token) const noexcept;
  void remove(Entry& entry) noexcept;
  /// Destroys the handlers that were removed; their destructors may come back here.
  void reclaim() noexcept;

  [[nodiscard]] static Token token(const Entry& entry) noexcept {
    return Token{entry.generation} << 32 | entry.slot;
  }
  [[nodiscard]] std::size_t size() const noexcept { return live_; }

  template <class F>
  void for_each(F f) {
    for (std::size_t slot = 0; slot < slots_; ++slot) {
      Entry& entry = at(static_cast<std::uint32_t>(slot));
      if (entry.state == Entry::State::live) f(entry);
    }
  }

 private:
  static constexpr std::uint32_t page_size = 256;
  static constexpr std::uint32_t no_slot = ~0u;

  [[nodiscard]] Entry& at(std::uint32_t slot) const noexcept {
    return pages_[slot / page_size][slot % page_size];
  }
  std::uint32_t free_slot();

  std::vector<std::unique_ptr<Entry[]>> pages_;
  std::vector<std::uint32_t> slot_of_;  // by descriptor
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> removed_;
  std::uint32_t slots_ = 0;
  std::size_t live_ = 0;
};

}  // namespace tornado
