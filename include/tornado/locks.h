// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// How tasks of one loop wait for each other.
///
/// All of these serve the tasks in the order in which they began to wait: no task
/// overtakes. They belong to the thread of one loop, need no loop to be made, and a
/// wait allocates nothing. A timeout of zero or less tries once and does not wait. If
/// one of these is destroyed while tasks wait, their waits throw Errc::abandoned.
///
/// A task that is cancelled after it was served keeps what it got, and throws Cancelled
/// at its next await. What a task was given before it was destroyed goes to the next.

#include <cstddef>
#include <limits>
#include <optional>
#include <source_location>
#include <string>

#include "tornado/task.h"
#include "tornado/time.h"
#include "tornado/wait_line.h"

namespace tornado {

/// Tasks wait until another part of the program notifies them. No memory: a
/// notification that finds no task is lost.
class TORNADO_API Condition {
 public:
  using Location = std::source_location;
  class Wait;

  /// True when notified; false after the timeout, and the wait then counts for nothing.
  [[nodiscard]] Wait wait(std::optional<Delay> timeout = {},
                          Location where = Location::current()) noexcept;
  /// Wakes the first `n` tasks that wait.
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

/// Tasks wait until it is set. Not set at first.
class TORNADO_API Event {
 public:
  using Location = std::source_location;
  class Wait;

  [[nodiscard]] bool is_set() const noexcept { return set_; }
  /// Wakes all that wait, and lets all pass until clear(). Idempotent.
  void set() noexcept;
  /// Tasks that were woken go on nevertheless.
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

/// One permit of a Semaphore, or the hold on a Lock. Gives it back at its end. May
/// outlive the semaphore, and is then empty.
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
  /// Gives the permit back now. Does nothing for an empty one.
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

/// A number of permits, for tasks to acquire.
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
  /// Gives a permit to the first task that waits, or adds one to value(). For permits
  /// that were detached, and to raise the number: a SemaphorePermit releases its own.
  void release();
  /// The permits that no task holds.
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
  detail::ListLink<SemaphorePermit> held_;
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

/// A Semaphore whose release() throws std::errc::invalid_argument if value() would be
/// more than at first.
class BoundedSemaphore final : public Semaphore {
 public:
  explicit BoundedSemaphore(std::ptrdiff_t value = 1)
      : Semaphore("semaphore", value, value) {}
};

/// Held by one task at a time.
class TORNADO_API Lock final : private Semaphore {
 public:
  Lock() : Semaphore("lock", 1, 1) {}

  /// Gives a LockGuard. Error: Errc::timed_out.
  using Semaphore::acquire;
  [[nodiscard]] bool locked() const noexcept { return value() == 0; }
  /// Unlocks, and empties the guard. Error: std::errc::operation_not_permitted if it is
  /// not locked.
  void release();
};

}  // namespace tornado
