// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// References to a loop, for other threads, for signal handlers, and for objects that
/// may outlive the loop.

#include <cstddef>
#include <memory>
#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tornado/callback.h"
#include "tornado/native.h"

namespace tornado {

class IOLoop;
class Mailbox;
template <class T>
class Task;
namespace detail {
class Arrival;
class StreamCore;
}  // namespace detail

/// A callable that a signal handler may post: it is copied byte by byte into memory
/// that the loop has allocated beforehand.
template <class F>
concept SignalSafeCallable = std::is_trivially_copyable_v<F> &&
                                 std::is_trivially_destructible_v<F> &&
                                 std::is_invocable_v<F&> && sizeof(F) <= 32 &&
                             alignof(F) <= alignof(void*);

/// A weak reference to a loop: it does not keep the loop open. Cheap to copy. An empty
/// handle behaves as the handle of a closed loop.
///
/// Threads: any thread may use a handle. Only one thread at a time may assign to it.
class TORNADO_API LoopHandle {
 public:
  using Location = std::source_location;

  LoopHandle() noexcept = default;

  /// As IOLoop::add_callback(). False if the loop is closed.
  bool add_callback(Callback callback, Location where = Location::current()) const;

  /// As IOLoop::spawn_callback(): starts the task on the loop. False, and the task is
  /// destroyed, if the loop is closed.
  bool spawn_callback(Task<void> task, Location where = Location::current()) const;

  /// As IOLoop::add_callback_from_signal(). False if its room is full, or if the loop
  /// is closed.
  template <SignalSafeCallable F>
  [[nodiscard]] bool add_callback_from_signal(F callback) const noexcept {
    return post_from_signal([](void* bytes) { (*static_cast<F*>(bytes))(); }, &callback,
                            sizeof callback);
  }

  /// As IOLoop::stop(). Does nothing if the loop is closed.
  void stop() const noexcept;

  /// Whether the loop refuses callbacks: it is closed, or it is the parent process's.
  [[nodiscard]] bool closed() const noexcept;

  /// The loop, or nullptr once the loop is closed. For objects that may outlive their
  /// loop. Only the loop's thread may use the result, as that thread may close the
  /// loop.
  [[nodiscard]] IOLoop* loop() const noexcept;
  /// As loop(), but throws Errc::loop_closed with a text that names `act`.
  [[nodiscard]] IOLoop& open_loop(std::string_view act) const;

  /// Whether another thread runs the loop now, so that this thread may only post. In a
  /// forked child: whether another thread ran the loop at the fork.
  [[nodiscard]] bool runs_elsewhere() const noexcept;

  /// For the library. False, and nothing arrives, if the loop is closed.
  bool post(std::shared_ptr<detail::Arrival> arrival) const noexcept;

 private:
  friend class IOLoop;
  friend class detail::StreamCore;
  explicit LoopHandle(std::shared_ptr<Mailbox> mailbox) noexcept
      : mailbox_(std::move(mailbox)) {}
  bool post_from_signal(void (*invoke)(void*), const void* bytes,
                        std::size_t size) const noexcept;

  std::shared_ptr<Mailbox> mailbox_;
};

}  // namespace tornado
