// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "platform/wake_mechanism.h"
#include "tornado/events.h"
#include "tornado/fd.h"
#include "tornado/native.h"
#include "tornado/poller_kind.h"

namespace tornado {

/// A value that the caller of add() chooses. wait() returns it with the events.
using Token = std::uint64_t;

struct Ready {
  Token token;
  Events events;  ///< of read, write and error
};

/// One family of system calls that wait for descriptors. Not thread-safe.
///
/// A descriptor that is closed without remove() is forgotten in silence, as kernels do
/// that keep the set themselves. Errors are std::system_error with the errno that
/// epoll_ctl has for the same mistake.
class Poller {
 public:
  virtual ~Poller() = default;

  [[nodiscard]] virtual PollerKind kind() const noexcept = 0;
  /// Which of Events::edge and Events::one_shot the poller supports.
  [[nodiscard]] virtual Events modes() const noexcept = 0;
  /// Whether the poller can wait for `events`. add() throws not_supported for others.
  [[nodiscard]] virtual bool supports(Events events) const noexcept {
    return !has(events & ~modes(), Events::edge | Events::one_shot);
  }

  /// A way to end the wait without writing to the waker. Empty by default.
  [[nodiscard]] virtual WakePort wake_port() { return {}; }

  /// `events` has at least one of read, write and error.
  virtual void add(NativeFd fd, Events events, Token token) = 0;
  /// Arms a spent one_shot again, also with the same events.
  virtual void modify(NativeFd fd, Events events, Token token) = 0;
  /// Takes effect at once. Does nothing if `fd` is not in the set or is closed.
  virtual void remove(NativeFd fd) noexcept = 0;

  /// Waits until a descriptor is ready or `timeout` has passed. A negative timeout is
  /// no limit. May return early and empty, as after a signal, but never because the
  /// timeout was rounded down. The result is valid until the next call.
  virtual std::span<const Ready> wait(std::chrono::nanoseconds timeout) = 0;

 protected:
  /// For pollers that keep the set themselves. Throws EBADF or not_supported.
  void check(const char* act, NativeFd fd, Events events) const;
};

struct PollerBackend {
  PollerKind kind;
  std::string_view name;
  std::unique_ptr<Poller> (*make)();  ///< null if not in this build
  /// Never selected as the best. If it does not work, the best replaces it.
  bool opt_in = false;
};

/// Throws std::system_error if the kind does not work here, or, for `best`, if none
/// does. If an opt-in kind is missing from this build or kernel, or a filter forbids
/// it, returns the best other one and logs this once.
std::unique_ptr<Poller> make_poller(PollerKind kind);

extern const PollerBackend epoll_backend;
extern const PollerBackend kqueue_backend;
extern const PollerBackend iocp_backend;
extern const PollerBackend poll_backend;
extern const PollerBackend select_backend;
extern const PollerBackend io_uring_backend;

}  // namespace tornado
