// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <source_location>
#include <utility>
#include <vector>

#include "poller/poller.h"
#include "tornado/ioloop.h"

namespace tornado {

/// What is registered, by descriptor and by token.
///
/// A token names one registration and no later one: its slot, and a generation that no
/// other registration has had. An event for a descriptor that was removed, closed and
/// opened again therefore finds nothing. Slots do not move, and a removed one stays
/// whole until reclaim(), so that a handler may remove itself while it runs.
class HandlerTable {
 public:
  struct Entry {
    IOLoop::Handler handler;
    std::source_location where;
    NativeFd fd = invalid_fd;  // once removed, what follows in its list
    std::uint32_t generation = 0;
    Events interest = Events::none;  // none: paused, or a one_shot that has fired
    Events applied = Events::none;   // what the poller was told
    std::uint8_t unwatched = 0;      // the look after which the poller was told none
    bool changed : 1 = false;        // listed
    bool owed : 1 = false;           // an edge was left out: the poller must look again
    bool closes_itself : 1 = false;  // a file object, when called with none
    enum class State : std::uint8_t { free, live, removed } state = State::free;
  };

  /// The caller has checked that find(fd) is null.
  Entry& add(NativeFd fd, IOLoop::Handler handler, Events events,
             const std::source_location& where);
  [[nodiscard]] Entry* find(NativeFd fd) noexcept;
  [[nodiscard]] bool knows(NativeFd fd) const noexcept {
    const auto index = static_cast<std::size_t>(fd);
    return index < slot_of_.size() && slot_of_[index] != no_slot;
  }
  /// Whether the table has room for this one already.
  [[nodiscard]] bool covers(NativeFd fd) const noexcept {
    return static_cast<std::size_t>(fd) < slot_of_.capacity();
  }
  /// Null if it was removed, before or after the last reclaim().
  [[nodiscard]] Entry* find_token(Token token) noexcept;
  /// Whether the token was live at the last reclaim(), though it may be removed now.
  [[nodiscard]] bool knows_token(Token token) const noexcept;
  void remove(Entry& entry) noexcept;
  /// Destroys the handlers that were removed; their destructors may come back here.
  void reclaim() noexcept;

  /// Lists an entry whose interest is to be applied before the next look.
  void note_change(Entry& entry) noexcept {
    if (entry.changed) return;
    entry.changed = true;
    changed_.push_back(slot_of(entry));
  }
  [[nodiscard]] bool has_changes() const noexcept { return !changed_.empty(); }
  /// Takes one from the list; null if that entry was removed.
  [[nodiscard]] Entry* take_change() noexcept;

  /// Of one that is not removed.
  [[nodiscard]] Token token(const Entry& entry) const noexcept {
    return Token{entry.generation} << 32 | slot_of(entry);
  }
  [[nodiscard]] std::size_t size() const noexcept { return live_; }
  /// The generation of the last registration. Any thread.
  [[nodiscard]] std::uint32_t latest() const noexcept { return latest_.load(); }
  [[nodiscard]] static bool is_newer(const Entry& entry,
                                     std::uint32_t generation) noexcept {
    return static_cast<std::int32_t>(entry.generation - generation) > 0;
  }

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

  [[nodiscard]] std::uint32_t slot_of(const Entry& live) const noexcept {
    return slot_of_[static_cast<std::size_t>(live.fd)];
  }
  [[nodiscard]] Entry& at(std::uint32_t slot) const noexcept {
    return pages_[slot / page_size][slot % page_size];
  }
  std::uint32_t free_slot();
  std::uint32_t pop(std::uint32_t& list) noexcept {
    return std::exchange(list, static_cast<std::uint32_t>(at(list).fd));
  }
  void push(std::uint32_t& list, std::uint32_t slot) noexcept {
    at(slot).fd = static_cast<NativeFd>(std::exchange(list, slot));
  }

  std::vector<std::unique_ptr<Entry[]>> pages_;
  std::vector<std::uint32_t> slot_of_;  // by descriptor
  std::vector<std::uint32_t> changed_;
  std::uint32_t free_ = no_slot;
  std::uint32_t removed_ = no_slot;
  std::uint32_t slots_ = 0;
  std::atomic<std::uint32_t> latest_{0};
  std::size_t live_ = 0;
};

}  // namespace tornado
