// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Queues between the tasks of one loop.
///
/// As in tornado/locks.h, tasks are served in the order in which they began to wait. A
/// wait allocates no memory. A timeout of zero or less does not wait. The waits of a
/// destroyed queue throw Errc::abandoned.
///
/// No item is lost or doubled. A put() that is cancelled or timed out leaves the queue
/// as it was. If a getter is destroyed before it runs, its item goes to the next
/// getter. Without one, it becomes the first item again.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <source_location>
#include <utility>
#include <vector>

#include "tornado/locks.h"
#include "tornado/ring_buffer.h"
#include "tornado/wait_line.h"

namespace tornado {
namespace detail {

/// What a queue is, whatever its items.
class TORNADO_API QueueBase {
 public:
  using Location = std::source_location;

  [[nodiscard]] std::size_t maxsize() const noexcept { return maxsize_; }

  /// Marks one item of get() as done. Error: std::errc::invalid_argument if it is
  /// called more often than put().
  void task_done();
  /// Waits until task_done() was called for each item that was put.
  /// Error: Errc::timed_out.
  [[nodiscard]] Event::Wait join(std::optional<Delay> timeout = {},
                                 Location where = Location::current()) noexcept {
    return {"queue join", finished_, timeout, where};
  }

 protected:
  explicit QueueBase(std::ptrdiff_t maxsize);
  ~QueueBase() = default;
  void note_item() noexcept;
  [[noreturn]] static void throw_full();
  [[noreturn]] static void throw_empty();

  // A getter waits only while the queue is empty, a putter only while it is full.
  WaitLine getters_;
  WaitLine putters_;
  std::size_t handed_ = 0;  // items that getters hold until they run

 private:
  const std::size_t maxsize_;
  std::size_t unfinished_ = 0;
  Event finished_;
};

/// The last item first.
template <class T>
class LifoItems {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  void reserve(std::size_t count) { items_.reserve(std::bit_ceil(count)); }
  void push(T&& item) noexcept { items_.push_back(std::move(item)); }
  void put_back(T&& item) noexcept { push(std::move(item)); }
  T pop() noexcept {
    T item = std::move(items_.back());
    items_.pop_back();
    return item;
  }

 private:
  std::vector<T> items_;
};

/// The smallest item first.
template <class T, class Compare>
class SortedItems {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  void reserve(std::size_t count) { items_.reserve(std::bit_ceil(count)); }
  void push(T&& item) noexcept {
    items_.push_back(std::move(item));
    std::push_heap(items_.begin(), items_.end(), later);
  }
  void put_back(T&& item) noexcept { push(std::move(item)); }
  T pop() noexcept {
    std::pop_heap(items_.begin(), items_.end(), later);
    T item = std::move(items_.back());
    items_.pop_back();
    return item;
  }

 private:
  static bool later(const T& a, const T& b) { return Compare()(b, a); }

  std::vector<T> items_;
};

}  // namespace detail

/// See Queue, LifoQueue and PriorityQueue.
template <class T, class Items>
class BasicQueue final : public detail::QueueBase {
  static_assert(std::is_nothrow_move_constructible_v<T>,
                "an item whose move throws could be lost");

 public:
  class Get;
  class Put;

  /// The queue holds up to `maxsize` items. 0 means no limit.
  /// Error: std::errc::invalid_argument for a negative number.
  explicit BasicQueue(std::ptrdiff_t maxsize = 0) : QueueBase(maxsize) {}

  [[nodiscard]] std::size_t qsize() const noexcept { return items_.size(); }
  [[nodiscard]] bool empty() const noexcept { return qsize() == 0; }
  [[nodiscard]] bool full() const noexcept {
    return maxsize() > 0 && qsize() >= maxsize();
  }

  /// Waits for room, and puts the item. It does nothing unless a task awaits it. Error:
  /// Errc::timed_out, which destroys the item.
  [[nodiscard]] Put put(T item, std::optional<Delay> timeout = {},
                        Location where = Location::current()) noexcept {
    return {*this, std::move(item), timeout, where};
  }
  /// Waits for an item, and gives it. Error: Errc::timed_out.
  [[nodiscard]] Get get(std::optional<Delay> timeout = {},
                        Location where = Location::current()) noexcept {
    return {*this, timeout, where};
  }
  /// Error: Errc::queue_full; the item stays the caller's.
  template <class U = T>
  requires std::constructible_from<T, U>
  void put_nowait(U&& item) {
    if (full()) throw_full();
    make_room();
    accept(T(std::forward<U>(item)));
  }
  /// Error: Errc::queue_empty.
  T get_nowait() {
    if (!fill()) throw_empty();
    return items_.pop();
  }

 private:
  // Also for the items that getters may give back, so that giving back cannot fail.
  void make_room() { items_.reserve(items_.size() + handed_ + 1); }
  void accept(T&& item) {
    make_room();
    note_item();
    deliver(std::move(item), [this](T&& kept) { items_.push(std::move(kept)); });
  }
  template <class Keep>
  void deliver(T&& item, Keep keep) noexcept {
    if (auto* const getter = static_cast<Get*>(getters_.first())) {
      getter->item_.emplace(std::move(item));
      ++handed_;
      getter->choose();
    } else {
      keep(std::move(item));
    }
  }
  /// Lets a putter in before an item leaves. Whether there is an item.
  bool fill() {
    if (auto* const putter = static_cast<Put*>(putters_.first());
        putter && qsize() <= maxsize()) {
      accept(std::move(putter->item_));
      putter->choose();
    }
    return !empty();
  }

  Items items_;
};

template <class T, class Items>
class [[nodiscard]] BasicQueue<T, Items>::Get final : public detail::LineWait {
 public:
  Get(BasicQueue& queue, std::optional<Delay> timeout, Location where) noexcept
      : LineWait("queue get", timeout, where), queue_(queue) {}
  ~Get() {
    if (!holds_result()) return;
    --queue_.handed_;
    unlink();
    queue_.deliver(std::move(*item_),
                   [this](T&& kept) { queue_.items_.put_back(std::move(kept)); });
  }
  bool ready() {
    if (!queue_.fill()) return expires_at_once();
    item_.emplace(queue_.items_.pop());
    ++queue_.handed_;
    choose_at_once(queue_.getters_);
    return true;
  }
  void suspend() { enter(queue_.getters_); }
  T result() {
    if (holds_result()) --queue_.handed_;
    check_result();
    return std::move(*item_);
  }

 private:
  friend class BasicQueue;
  BasicQueue& queue_;
  std::optional<T> item_;
};

template <class T, class Items>
class [[nodiscard]] BasicQueue<T, Items>::Put final : public detail::LineWait {
 public:
  Put(BasicQueue& queue, T&& item, std::optional<Delay> timeout,
      Location where) noexcept
      : LineWait("queue put", timeout, where), queue_(queue), item_(std::move(item)) {}
  bool ready() {
    if (queue_.full()) return expires_at_once();
    queue_.accept(std::move(item_));
    choose_at_once(queue_.putters_);
    return true;
  }
  void suspend() { enter(queue_.putters_); }
  void result() { check_result(); }

 private:
  friend class BasicQueue;
  BasicQueue& queue_;
  T item_;
};

/// First in, first out.
template <class T>
using Queue = BasicQueue<T, detail::RingBuffer<T>>;
/// Last in, first out.
template <class T>
using LifoQueue = BasicQueue<T, detail::LifoItems<T>>;
/// The smallest item first, by `Compare`, which must not throw. Equal items have no
/// order.
template <class T, class Compare = std::less<T>>
using PriorityQueue = BasicQueue<T, detail::SortedItems<T, Compare>>;

}  // namespace tornado
