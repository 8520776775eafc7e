// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// How other threads and signal handlers reach a loop that may be gone already.

#include <cstddef>
#include <memory>
#include <source_location>
#include <string_view>
#include <type_traits>

#include "tornado/callback.h"
#include "tornado/native.h"

namespace tornado {

class IOLoop;
class Mailbox;
class Lane;

/// May be copied byte by byte into a slot that was made beforehand.
template <class F>
concept SignalSafeCallable = std::is_trivially_copyable_v<F> &&
                                 std::is_trivially_destructible_v<F> &&
                                 std::is_invocable_v<F&> && sizeof(F) <= 32 &&
                             alignof(F) <= alignof(void*);

/// A weak reference to a loop. Cheap to copy; keeps no loop alive, only its mailbox.
/// Thread-safe as shared_ptr is: use it from any thread, assign it from one. An empty
/// one answers as a closed loop.
class TORNADO_API LoopHandle {
 public:
  using Location = std::source_location;

  LoopHandle() noexcept = default;
  explicit LoopHandle(std::shared_ptr<Mailbox> mailbox) noexcept
      : mailbox_(std::move(mailbox)) {}

  /// As IOLoop::add_callback: false, and the callable destroyed, if the loop is closed.
  bool add_callback(Callback callback, Location where = Location::current()) const;

  /// As IOLoop::add_callback_from_signal.
  template <SignalSafeCallable F>
  bool add_callback_from_signal(F callback) const noexcept {
    return post_from_signal([](void* bytes) { (*static_cast<F*>(bytes))(); }, &callback,
                            sizeof callback);
  }

  /// A way in for one thread, with an order of its own. The first of a process may take
  /// some milliseconds (membarrier(2) has to be told of its threads).
  [[nodiscard]] Lane open_lane() const;

  /// As IOLoop::stop. Nothing, if the loop is closed.
  void stop() const noexcept;

  /// Whether posts are refused: the loop is closed, or is the parent process's.
  [[nodiscard]] bool closed() const noexcept;

  /// The loop, or nullptr once it is closed. For objects that may outlive their loop.
  /// Only the loop's thread may use the result, because others may close it meanwhile.
  [[nodiscard]] IOLoop* loop() const noexcept;
  /// The loop, or throws Errc::loop_closed with a text that names `act`.
  [[nodiscard]] IOLoop& open_loop(std::string_view act) const;

  /// Whether another thread runs the loop now, so that this one may only post. In a
  /// forked child: whether another thread did at the fork.
  [[nodiscard]] bool runs_elsewhere() const noexcept;

 private:
  bool post_from_signal(void (*invoke)(void*), const void* bytes,
                        std::size_t size) const noexcept;

  std::shared_ptr<Mailbox> mailbox_;
};

/// One thread's own way into a loop, for those who post millions: cheaper than
/// LoopHandle::add_callback, as there is no lock, and other threads are not in the way.
/// In return only the order within one lane is kept: a callback may overtake one that
/// another thread has added before, by its own lane or without.
///
/// To be used by one thread at a time, which may be the loop's. What was added before
/// the lane is destroyed still runs. May outlive the loop. An empty one answers as a
/// closed loop.
class TORNADO_API Lane {
 public:
  using Location = std::source_location;

  Lane() noexcept;
  explicit Lane(std::shared_ptr<Mailbox> mailbox);
  Lane(Lane&&) noexcept;
  Lane& operator=(Lane&&) noexcept;
  ~Lane();

  /// As LoopHandle::add_callback; not counted in LoopCounters::queue_depth. What has
  /// not run when the loop closes is destroyed then, or, if it was added at that very
  /// moment, with the lane.
  bool add_callback(Callback callback, Location where = Location::current());

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tornado
