// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Objects that take a handler or a timeout back when they are destroyed.
///
/// Threads: as the loop's own calls. While the loop runs, any thread may destroy or
/// reset() such an object: another thread only posts, and the loop takes back in its
/// next turn. Between runs, the thread that may use the loop may do so. Only one thread
/// at a time may use an object.
///
/// Lifetime: an object may outlive its loop. It does nothing once the loop is closed,
/// also in a destructor that close() runs. In a forked child it takes back from the
/// child's copy of the loop. It may be destroyed in its own callback.

#include <concepts>
#include <cstdint>
#include <memory>
#include <source_location>
#include <utility>

#include "tornado/ioloop.h"

#pragma push_macro("fileno")
#undef fileno

namespace tornado {

/// Owns the handler of one descriptor. Declare it after the owner of the descriptor, so
/// that it is destroyed first. It never removes a later handler of the same number.
class TORNADO_API Registration {
 public:
  using Location = std::source_location;

  Registration() noexcept = default;
  /// As IOLoop::add_handler(), with the same errors.
  Registration(IOLoop& loop, NativeFd fd, IOLoop::Handler handler, Events events,
               Location where = Location::current());
  template <FileObject T, class F>
  requires std::invocable<F&, T&, Events> Registration(
      IOLoop& loop, T& object, F handler, Events events,
      Location where = Location::current()) {
    loop.add_handler(object, std::move(handler), events, where);
    own(loop, object.fileno());
  }
  Registration(Registration&& other) noexcept;
  Registration& operator=(Registration&& other) noexcept;
  ~Registration() { reset(); }

  /// Whether this object owns a handler. The loop may have removed it, as in close().
  explicit operator bool() const noexcept { return fd_ != invalid_fd; }
  /// The descriptor, or invalid_fd if the object is empty.
  [[nodiscard]] NativeFd fd() const noexcept { return fd_; }

  /// As IOLoop::update_handler(), with the same errors. ENOENT if the loop has removed
  /// the handler, or if the object is empty.
  void update(Events events);
  /// Removes the handler. The object is empty then.
  void reset() noexcept;
  /// Leaves the handler in the loop. Returns the descriptor. The object is empty then.
  NativeFd release() noexcept;

 private:
  void own(IOLoop& loop, NativeFd fd) noexcept;

  std::shared_ptr<Mailbox> mailbox_;
  NativeFd fd_ = invalid_fd;
  std::uint32_t generation_ = 0;  // of the registration: numbers are used again
};

/// Owns one timeout.
class TORNADO_API Timeout {
 public:
  using Location = std::source_location;

  Timeout() noexcept = default;
  /// As IOLoop::call_at() and call_later(), with the same errors.
  Timeout(IOLoop& loop, TimePoint deadline, Callback callback,
          Location where = Location::current());
  Timeout(IOLoop& loop, Delay delay, Callback callback,
          Location where = Location::current());
  Timeout(Timeout&& other) noexcept;
  Timeout& operator=(Timeout&& other) noexcept;
  ~Timeout() { reset(); }

  /// Whether this object owns a timeout. The timeout may have run.
  explicit operator bool() const noexcept { return static_cast<bool>(timeout_); }

  /// As IOLoop::update_timeout(), with the same errors. False if the object is empty.
  bool update(TimePoint deadline);
  /// Removes the timeout. The object is empty then. True if the timeout had not run,
  /// and now never will.
  bool reset() noexcept;
  /// Leaves the timeout in the loop. The object is empty then.
  TimeoutHandle release() noexcept;

 private:
  std::shared_ptr<Mailbox> mailbox_;
  TimeoutHandle timeout_;
};

}  // namespace tornado

#pragma pop_macro("fileno")
