// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Locks, semaphores and events for the tasks of one loop.
///
/// Tasks are served in the order in which they began to wait. All calls are for the
/// thread of one loop; no loop is needed to make an object. A wait allocates no memory.
/// A timeout of zero or less tries once, and does not wait. If an object is destroyed
/// while tasks wait for it, their waits throw Errc::abandoned.
///
/// A task that is cancelled after it was served keeps its permit or lock. It throws
/// Cancelled at its next await. If a served task is destroyed, the next task is served.

#include <cstddef>
#include <limits>
#include <optional>
#include <source_location>
#include <string>

#include "tornado/task.h"
#include "tornado/time.h"
#include "tornado/wait_line.h"

namespace tornado {

/// Tasks wait until another part of the program notifies them. A notification is lost
/// if no task waits.
class TORNADO_API Condition {
 public:
  using Location = std::source_location;
  class Wait;

  /// True after a notification, and false after the timeout.
  [[nodiscard]] Wait wait(std::optional<Delay> timeout = {},
                          Location where = Location::current()) noexcept;
  /// Wakes the first `n` waiting tasks.
  void notify(std::size_t n = 1) noexcept;
  void notify_all() noexcept;

 private:
  detail::WaitLine line_;
};

class TORNADO_API Condition::Wait final : public detail::LineWait {
 public:
  Wait(Condition& condition, std::optional<Delay> timeout, Location where) noexcept
      : LineWait("condition", timeout, where), condition_(condition) {}
  ~Wait();
  bool ready() noexcept { return expires_at_once(); }
  void suspend() { enter(condition_.line_); }
  bool result() { return take_result(); }

 private:
  friend class Condition;
  Condition& condition_;
  bool notified_with_all_ = false;
};
inline Condition::Wait Condition::wait(std::optional<Delay> timeout,
                                       Location where) noexcept {
  return {*this, timeout, where};
}

/// A flag that tasks wait for. At first it is not set.
class TORNADO_API Event {
 public:
  using Location = std::source_location;
  class Wait;

  [[nodiscard]] bool is_set() const noexcept { return set_; }
  /// Wakes all waiting tasks, and lets all tasks pass until clear().
  void set() noexcept;
  /// Tasks that set() has woken go on all the same.
  void clear() noexcept { set_ = false; }
  /// Error: Errc::timed_out.
  [[nodiscard]] Wait wait(std::optional<Delay> timeout = {},
                          Location where = Location::current()) noexcept;

 private:
  detail::WaitLine line_;
  bool set_ = false;
};

class TORNADO_API Event::Wait final : public detail::LineWait {
 public:
  Wait(const char* what, Event& event, std::optional<Delay> timeout,
       Location where) noexcept
      : LineWait(what, timeout, where), event_(event) {}
  bool ready() noexcept;
  void suspend() { enter(event_.line_); }
  void result() { check_result(); }

 private:
  Event& event_;
};
inline Event::Wait Event::wait(std::optional<Delay> timeout, Location where) noexcept {
  return {"event", *this, timeout, where};
}

class Semaphore;

/// Owns one permit of a Semaphore, or a Lock. The destructor gives it back. It may
/// outlive the semaphore, and is empty then.
class [[nodiscard]] SemaphorePermit : private detail::ListLink<SemaphorePermit> {
 public:
  SemaphorePermit() noexcept = default;
  SemaphorePermit(SemaphorePermit&& other) noexcept { take(other); }
  SemaphorePermit& operator=(SemaphorePermit&& other) noexcept {
    if (this == &other) return *this;
    release();
    take(other);
    return *this;
  }
  ~SemaphorePermit() { release(); }

  [[nodiscard]] explicit operator bool() const noexcept {
    return semaphore_ != nullptr;
  }
  /// Gives the permit back now. Does nothing if this object is empty.
  void release() noexcept;
  /// Keeps the permit taken: Semaphore::release() or Lock::release() gives it back.
  void detach() noexcept {
    semaphore_ = nullptr;
    unlink();
  }

 private:
  friend class Semaphore;
  void take(SemaphorePermit& other) noexcept;
  void hold(Semaphore& semaphore, const std::source_location& where) noexcept;

  Semaphore* semaphore_ = nullptr;
  std::source_location where_;
};
using LockGuard = SemaphorePermit;

/// A number of permits that tasks acquire and release.
class TORNADO_API Semaphore {
 public:
  using Location = std::source_location;
  class Acquire;

  /// Error: std::errc::invalid_argument for a negative value.
  explicit Semaphore(std::ptrdiff_t value = 1)
      : Semaphore("semaphore", value, (std::numeric_limits<std::ptrdiff_t>::max)()) {}
  /// Empties the permits that are held.
  ~Semaphore();
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  /// Gives a SemaphorePermit. Error: Errc::timed_out.
  [[nodiscard]] Acquire acquire(std::optional<Delay> timeout = {},
                                Location where = Location::current()) noexcept;
  /// Gives a permit to the first waiting task, or adds one to value(). For detached
  /// permits, and to raise the number. A SemaphorePermit releases its permit itself.
  void release();
  /// How many permits no task holds.
  [[nodiscard]] std::ptrdiff_t value() const noexcept { return value_; }

 protected:
  Semaphore(const char* what, std::ptrdiff_t value, std::ptrdiff_t bound);
  /// Takes back the hold of the only permit, if one is not detached.
  void release_holder() noexcept;

 private:
  friend class SemaphorePermit;
  void give_back() noexcept;
  [[nodiscard]] std::string describe_wait() const;

  const char* what_;
  std::ptrdiff_t value_;
  const std::ptrdiff_t bound_;
  detail::List<SemaphorePermit> held_;
  detail::WaitLine line_;
};

class TORNADO_API Semaphore::Acquire final : public detail::LineWait {
 public:
  Acquire(Semaphore& semaphore, std::optional<Delay> timeout, Location where) noexcept
      : LineWait(semaphore.what_, timeout, where), semaphore_(semaphore) {}
  bool ready() noexcept;
  void suspend() { enter(semaphore_.line_); }
  SemaphorePermit result();
  [[nodiscard]] std::string describe() const override;

 private:
  friend class Semaphore;
  Semaphore& semaphore_;
  SemaphorePermit permit_;  // from the moment of the choice
};
inline Semaphore::Acquire Semaphore::acquire(std::optional<Delay> timeout,
                                             Location where) noexcept {
  return {*this, timeout, where};
}

inline void SemaphorePermit::take(SemaphorePermit& other) noexcept {
  if (!other) return;
  hold(*other.semaphore_, other.where_);
  other.detach();
}
inline void SemaphorePermit::hold(Semaphore& semaphore,
                                  const std::source_location& where) noexcept {
  semaphore_ = &semaphore;
  where_ = where;
  link_behind(semaphore.held_);
}
inline void SemaphorePermit::release() noexcept {
  Semaphore* const semaphore = semaphore_;
  detach();
  if (semaphore) semaphore->give_back();
}

/// A Semaphore whose release() throws std::errc::invalid_argument if value() would
/// exceed the first value.
class BoundedSemaphore final : public Semaphore {
 public:
  explicit BoundedSemaphore(std::ptrdiff_t value = 1)
      : Semaphore("semaphore", value, value) {}
};

/// A lock that one task holds at a time.
class TORNADO_API Lock final : private Semaphore {
 public:
  Lock() : Semaphore("lock", 1, 1) {}

  /// Gives a LockGuard. Error: Errc::timed_out.
  using Semaphore::acquire;
  [[nodiscard]] bool locked() const noexcept { return value() == 0; }
  /// Unlocks, and empties the guard. Error: std::errc::operation_not_permitted if the
  /// lock is not locked.
  void release();
};

}  // namespace tornado
