// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Lists that allocate nothing: of tasks, and of what they wait for. Not for programs.

#include <utility>

namespace tornado::detail {

/// A place in one circular list, or the head of one. Leaves the list on destruction.
template <class Tag>
struct ListLink {
  ListLink() noexcept = default;
  ListLink(const ListLink&) = delete;
  ListLink& operator=(const ListLink&) = delete;
  ~ListLink() { unlink(); }

  [[nodiscard]] bool linked() const noexcept { return next != this; }
  void unlink() noexcept {
    previous->next = next;
    next->previous = previous;
    previous = next = this;
  }
  /// Makes this the last of the list that `head` begins.
  void link_behind(ListLink& head) noexcept {
    unlink();
    previous = std::exchange(head.previous, this);
    next = &head;
    previous->next = this;
  }

  ListLink* previous = this;
  ListLink* next = this;
};

}  // namespace tornado::detail
