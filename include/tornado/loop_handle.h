// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// How other threads and signal handlers reach a loop that may be gone already.

#include <cstddef>
#include <memory>
#include <source_location>
#include <type_traits>

#include "tornado/callback.h"
#include "tornado/native.h"

namespace tornado {

class Mailbox;

/// May be copied byte by byte into a slot that was made beforehand.
template <class F>
concept SignalSafeCallable = std::is_trivially_copyable_v<F> &&
                                 std::is_trivially_destructible_v<F> &&
                                 std::is_invocable_v<F&> && sizeof(F) <= 32 &&
                             alignof(F) <= alignof(void*);

/// Cheap to copy; keeps no loop alive, only its mailbox. Thread-safe as shared_ptr is:
/// use it from any thread, assign it from one. An empty one answers as a closed loop.
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

  /// As IOLoop::stop. Nothing, if the loop is closed.
  void stop() const noexcept;

  /// Whether posts are refused: the loop is closed, or is the parent process's.
  [[nodiscard]] bool closed() const noexcept;

 private:
  bool post_from_signal(void (*invoke)(void*), const void* bytes,
                        std::size_t size) const noexcept;

  std::shared_ptr<Mailbox> mailbox_;
};

}  // namespace tornado
