// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// A bounded queue between threads and the tasks of any loops.

#include <atomic>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <source_location>
#include <utility>

#include "tornado/channel_core.h"
#include "tornado/ring_buffer.h"
#include "tornado/task.h"
#include "tornado/time.h"

namespace tornado {
namespace detail {

/// The items, and who waits. A receiver waits only while there is no item, a sender
/// only while there is no room.
template <class T>
class ChannelState final : public ChannelCore {
 public:
  struct Waiter : ChannelWaiter {
    Waiter() noexcept {}
    explicit Waiter(T&& value) noexcept : item(std::move(value)) {}
    std::optional<T> item;
  };
  using ChannelCore::ChannelCore;

  // With the lock:
  /// State::waiting if there is no room; `item` then stays as it is.
  template <class U>
  State try_send(U&& item) {
    if (closed) return State::closed;
    if (auto* const receiver = static_cast<Waiter*>(first(receivers))) {
      receiver->item.emplace(std::forward<U>(item));
      serve(*receiver, State::served);
      return State::served;
    }
    if (items.size() >= capacity) return State::waiting;
    items.reserve(items.size() + claims + 1);
    items.push(T(std::forward<U>(item)));
    return State::served;
  }
  /// State::waiting if there is no item.
  State try_receive(std::optional<T>& item) {
    if (items.size() == 0) return closed ? State::closed : State::waiting;
    const bool makes_room = items.size() <= capacity;
    auto* const sender = makes_room ? static_cast<Waiter*>(first(senders)) : nullptr;
    item.emplace(items.pop());
    if (sender) {
      items.push(std::move(*sender->item));
      serve(*sender, State::served);
    }
    return State::served;
  }
  /// Keeps room for the item of a task that is destroyed after it was served. With the
  /// lock; throws std::bad_alloc.
  void claim() {
    items.reserve(items.size() + claims + 1);
    ++claims;
  }
  void put_back(T&& item) noexcept {
    if (auto* const receiver = static_cast<Waiter*>(first(receivers))) {
      receiver->item.emplace(std::move(item));
      serve(*receiver, State::served);
    } else {
      items.put_back(std::move(item));
    }
  }

  RingBuffer<T> items;
  std::atomic<std::size_t> claims{0};  // given back without the lock
};

}  // namespace detail

/// Passes items between threads and tasks, in order. It holds up to `capacity` items.
/// Threads and tasks are served in the order in which they began to wait.
///
/// Threads: any thread may make any call, and tasks of any loop may co_await. No item
/// is lost or doubled. A task that is cancelled after it was served still gets its
/// item. If a served task is destroyed, its item goes to the next receiver, or becomes
/// the first item again. A timeout of zero or less does not wait. Not for a forked
/// child.
template <class T>
class Channel {
 public:
  using Location = std::source_location;
  class Send;
  class Receive;

  /// Error: std::errc::invalid_argument for a capacity of 0.
  explicit Channel(std::size_t capacity) : state_(std::make_shared<Shared>(capacity)) {}
  /// As close(). Destroys the items that are left.
  ~Channel() { close(); }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Later sends fail, and waiting sends too. Receivers get the items that were sent
  /// before, and then the end.
  void close() noexcept { state_->close(); }
  [[nodiscard]] bool closed() const {
    const auto lock = state_->lock();
    return state_->closed;
  }
  [[nodiscard]] std::size_t size() const {
    const auto lock = state_->lock();
    return state_->items.size();
  }
  [[nodiscard]] std::size_t capacity() const noexcept { return state_->capacity; }

  /// False if there is no room, or if the channel is closed. The item then stays the
  /// caller's.
  template <class U = T>
  requires std::constructible_from<T, U>
  [[nodiscard]] bool try_send(U&& item) {
    const auto lock = state_->lock();
    return state_->try_send(std::forward<U>(item)) == Outcome::served;
  }
  /// Empty if there is no item.
  [[nodiscard]] std::optional<T> try_receive() {
    std::optional<T> item;
    const auto lock = state_->lock();
    (void)state_->try_receive(item);
    return item;
  }

  /// Waits for room, and sends the item. It does nothing unless a task awaits it.
  /// Errors: Errc::timed_out and Errc::channel_closed, which destroy the item.
  [[nodiscard]] Send send(T item, std::optional<Delay> timeout = {},
                          Location where = Location::current()) {
    return {state_, std::move(item), timeout, where};
  }
  /// Waits for an item. Gives std::nullopt if the channel is closed and empty. Error:
  /// Errc::timed_out.
  [[nodiscard]] Receive receive(std::optional<Delay> timeout = {},
                                Location where = Location::current()) {
    return {state_, timeout, where};
  }

  /// The same for threads without a loop. The calling thread sleeps.
  void blocking_send(T item, std::optional<Delay> timeout = {});
  [[nodiscard]] std::optional<T> blocking_receive(std::optional<Delay> timeout = {});

 private:
  using Shared = detail::ChannelState<T>;
  using Waiter = typename Shared::Waiter;
  using Outcome = detail::ChannelWaiter::State;

  const std::shared_ptr<Shared> state_;
};

template <class T>
class [[nodiscard]] Channel<T>::Send final : public detail::ChannelWait {
 public:
  Send(std::shared_ptr<Shared> channel, T&& item, std::optional<Delay> timeout,
       Location where) noexcept
      : ChannelWait("channel send", channel, waiter_, timeout, where),
        channel_(*channel),
        waiter_(std::move(item)) {}
  ~Send() {
    detail::ChannelCore::Lock lock;
    (void)leave(lock);
  }
  bool ready() {
    const auto lock = channel_.lock();
    return ends_with(channel_.try_send(std::move(*waiter_.item)));
  }
  void suspend() {
    prepare();
    const auto lock = channel_.lock();
    enter(channel_.senders, channel_.try_send(std::move(*waiter_.item)));
  }
  void result() {
    if (!take_result()) detail::throw_channel_closed(what_);
  }

 private:
  Shared& channel_;
  Waiter waiter_;
};

template <class T>
class [[nodiscard]] Channel<T>::Receive final : public detail::ChannelWait {
 public:
  Receive(std::shared_ptr<Shared> channel, std::optional<Delay> timeout,
          Location where) noexcept
      : ChannelWait("channel receive", channel, waiter_, timeout, where),
        channel_(*channel) {}
  ~Receive() {
    detail::ChannelCore::Lock lock;
    if (leave(lock)) channel_.put_back(std::move(*waiter_.item));
    if (claimed_) --channel_.claims;
  }
  bool ready() {
    const auto lock = channel_.lock();
    channel_.claim();
    claimed_ = true;
    return ends_with(channel_.try_receive(waiter_.item));
  }
  void suspend() {
    prepare();
    const auto lock = channel_.lock();
    enter(channel_.receivers, channel_.try_receive(waiter_.item));
  }
  std::optional<T> result() {
    if (!take_result()) return std::nullopt;
    return std::move(waiter_.item);
  }

 private:
  Shared& channel_;
  Waiter waiter_;
  bool claimed_ = false;
};

template <class T>
void Channel<T>::blocking_send(T item, std::optional<Delay> timeout) {
  const char* const what = "channel send";
  Waiter waiter(std::move(item));
  auto lock = state_->lock();
  Outcome outcome = state_->try_send(std::move(*waiter.item));
  if (outcome == Outcome::waiting &&
      state_->block(what, lock, state_->senders, waiter, timeout)) {
    outcome = Outcome::served;
  }
  if (outcome != Outcome::served) detail::throw_channel_closed(what);
}

template <class T>
std::optional<T> Channel<T>::blocking_receive(std::optional<Delay> timeout) {
  Waiter waiter;
  auto lock = state_->lock();
  if (state_->try_receive(waiter.item) == Outcome::waiting) {
    state_->block("channel receive", lock, state_->receivers, waiter, timeout);
  }
  return std::move(waiter.item);
}

}  // namespace tornado
