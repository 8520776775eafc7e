// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Lists that allocate nothing: of tasks, and of what they wait for. Not for programs.

#include <utility>

namespace tornado::detail {

template <class Tag>
struct List;

/// A place in one list. Leaves the list on destruction.
template <class Tag>
struct ListLink {
  ListLink() noexcept = default;
  ListLink(const ListLink&) = delete;
  ListLink& operator=(const ListLink&) = delete;
  ~ListLink() { unlink(); }

  [[nodiscard]] bool linked() const noexcept { return next && next != this; }
  void unlink() noexcept {
    if (!next) return;
    previous->next = next;
    next->previous = previous;
    previous = next = nullptr;
  }
  /// Makes this the last of `list`.
  void link_behind(List<Tag>& list) noexcept {
    unlink();
    previous = std::exchange(list.previous, this);
    next = &list;
    previous->next = this;
  }

  ListLink* previous = nullptr;
  ListLink* next = nullptr;  // null in no list
};

/// The head of a circular list. Its elements may outlive it.
template <class Tag>
struct List : ListLink<Tag> {
  List() noexcept { clear(); }

  /// Whether it has an element.
  [[nodiscard]] bool linked() const noexcept { return this->next != this; }

  /// Moves all elements of `other` behind those of this list.
  void take_all(List& other) noexcept {
    if (!other.linked()) return;
    this->previous->next = other.next;
    other.next->previous = this->previous;
    other.previous->next = this;
    this->previous = other.previous;
    other.clear();
  }

 private:
  void clear() noexcept { this->previous = this->next = this; }
};

}  // namespace tornado::detail
