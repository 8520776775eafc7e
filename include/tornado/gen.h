// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The awaits of a task: time, descriptors, signals, and results of other threads.

#include <concepts>
#include <exception>
#include <memory>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include "tornado/completion.h"
#include "tornado/events.h"
#include "tornado/multi.h"
#include "tornado/task.h"
#include "tornado/time.h"

namespace tornado {
namespace detail {

class TORNADO_API SleepAwait final : public Suspension {
 public:
  explicit SleepAwait(Delay delay) noexcept : is_delay_(true), time_(delay.get()) {}
  explicit SleepAwait(TimePoint deadline) noexcept
      : time_(deadline.time_since_epoch()) {}
  ~SleepAwait();
  bool ready() const noexcept { return false; }
  void suspend();
  void result() const noexcept {}
  bool withdraw() noexcept override;
  std::string describe() const override;

 private:
  bool is_delay_ = false;  // or a deadline
  TimeoutHandle timeout_;
  std::chrono::nanoseconds time_;
};

class MomentAwait final : public Suspension {
 public:
  MomentAwait() noexcept = default;
  bool ready() const noexcept { return false; }
  void suspend() noexcept { frame->scope->scheduler()->make_ready(*frame); }
  void result() const noexcept {}
  bool withdraw() noexcept override { return true; }
  std::string describe() const override { return "moment"; }
};

class TORNADO_API ReadinessAwait final : public Suspension,
                                         public ListLink<ReadinessAwait> {
 public:
  ReadinessAwait(NativeFd fd, Events interest) noexcept
      : fd_(fd), interest_(interest) {}
  ~ReadinessAwait();
  bool ready() const noexcept { return false; }
  void suspend();
  Events result() const noexcept { return events_; }
  bool withdraw() noexcept override;
  std::string describe() const override;

  [[nodiscard]] Events interest() const noexcept { return interest_; }
  /// Ends the wait if it is for any of `events`.
  void tell(Events events) noexcept;

 private:
  NativeFd fd_;
  Events interest_;
  Events events_ = Events::none;
};

class TORNADO_API SignalAwait final : public Suspension, public ListLink<SignalAwait> {
 public:
  explicit SignalAwait(int signal) noexcept : signal_(signal) {}
  ~SignalAwait();
  bool ready();
  void suspend();
  int result() noexcept;
  bool withdraw() noexcept override;
  std::string describe() const override;
  using Suspension::resume;

 private:
  int signal_;
};

/// Waits for a result that any thread may bring.
class TORNADO_API UntilWait : public Suspension {
 public:
  void arrive() noexcept { resume(); }
  bool ready() const noexcept { return false; }
  bool withdraw() noexcept override { return pending_->withdraw(); }
  std::string describe() const override { return "a Completion"; }

 protected:
  UntilWait() noexcept = default;
  ~UntilWait();
  void expect(std::shared_ptr<PendingResult> pending) noexcept;

 private:
  std::shared_ptr<PendingResult> pending_;
};

template <class T, class F>
class UntilAwait final : public UntilWait {
 public:
  explicit UntilAwait(F begin) : begin_(std::move(begin)) {}
  void suspend() {
    outcome_ = std::make_shared<Outcome<T>>(loop_handle(*frame));
    expect(outcome_);
    begin_(outcome_->completion());
  }
  T result() { return outcome_->get(); }

 private:
  F begin_;
  std::shared_ptr<Outcome<T>> outcome_;
};

class TORNADO_API StopTokenAwait final : public Suspension {
 public:
  StopTokenAwait() noexcept = default;
  bool ready() const noexcept { return true; }
  void suspend() const noexcept {}
  std::stop_token result() const { return frame->scope->stop_token(); }
  bool withdraw() noexcept override { return false; }
  std::string describe() const override { return {}; }
};

}  // namespace detail

/// Waits for `delay`, and never less. A delay of zero or less lets the loop look at its
/// descriptors once.
[[nodiscard]] inline detail::SleepAwait sleep(Delay delay) noexcept {
  return detail::SleepAwait(delay);
}
[[nodiscard]] inline detail::SleepAwait sleep_until(TimePoint deadline) noexcept {
  return detail::SleepAwait(deadline);
}

/// Lets every other ready task, and the loop, go first.
[[nodiscard]] inline detail::MomentAwait moment() noexcept {
  return {};
}

/// Waits until a descriptor is readable or writable, or has an error or a hang-up.
/// Gives the events. The descriptor stays the caller's, and must stay open during the
/// wait. Several tasks may wait for one descriptor; each event wakes all tasks that
/// wait for it. Errors: as IOLoop::add_handler, and EEXIST if the loop has a handler
/// for it.
[[nodiscard]] inline detail::ReadinessAwait readable(NativeFd fd) noexcept {
  return {fd, Events::read};
}
[[nodiscard]] inline detail::ReadinessAwait writable(NativeFd fd) noexcept {
  return {fd, Events::write};
}

/// Waits for a signal, and gives its number. From the first await on, the loop watches
/// the signal until the loop closes. A signal that comes while no task waits goes to
/// the next await, so that none is lost. Errors: as IOLoop::add_signal_handler, and
/// EEXIST if the loop has a handler for the signal.
[[nodiscard]] inline detail::SignalAwait signal(int number) noexcept {
  return detail::SignalAwait(number);
}

/// Calls `begin(Completion<T>)`, and waits until any thread sets a copy of that
/// Completion. Gives the value, or throws the exception. An exception of `begin` leaves
/// the await. Throws Errc::abandoned if every copy is destroyed without a result. A
/// result that is set after the task was cancelled is dropped: set_value() returns
/// false.
template <class T, class F>
requires std::invocable<F&, Completion<T>>
[[nodiscard]] detail::UntilAwait<T, F> until(F begin) {
  return detail::UntilAwait<T, F>(std::move(begin));
}

/// A token that stops when the awaiting task is cancelled, for work on other threads.
/// The loop's thread runs its callbacks.
[[nodiscard]] inline detail::StopTokenAwait stop_token() noexcept {
  return {};
}

}  // namespace tornado
