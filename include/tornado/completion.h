// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The result that IOLoop::run_sync or until() waits for.

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

#include "tornado/arrival.h"
#include "tornado/error.h"
#include "tornado/loop_handle.h"
#include "tornado/loop_types.h"

namespace tornado {

template <class T>
class Completion;

namespace detail {

class UntilWait;

/// The part of a pending result that does not depend on its type.
class TORNADO_API PendingResult : public Arrival {
 public:
  explicit PendingResult(LoopHandle loop) : loop_(std::move(loop)) {}

  /// @name Any thread
  /// @{
  [[nodiscard]] bool is_open() const noexcept { return phase_ == Phase::open; }
  /// True for the one that writes the result, and then calls publish().
  bool claim() noexcept;
  /// Ends the wait of the loop. False if run_sync had ended by then.
  bool publish() noexcept;
  bool fail(std::exception_ptr reason) noexcept;
  /// @}

  /// @name The thread of the loop
  /// @{
  void time_out() noexcept;
  [[nodiscard]] bool timed_out() const noexcept { return timed_out_; }
  /// Ends the time for a result. Whether there is one.
  bool take() noexcept;
  /// True if there is none, and none will come.
  bool withdraw() noexcept;
  void give_up() noexcept { phase_ = Phase::over; }
  /// @}

  UntilWait* wait = nullptr;     // of the loop's thread: the task that waits
  TimeoutHandle alarm;           // of the loop's thread
  std::exception_ptr exception;  // of the one that has claimed the result

 private:
  enum class Phase : std::uint8_t { open, claimed, there, over };

  void arrive() noexcept override;

  LoopHandle loop_;
  std::atomic<Phase> phase_{Phase::open};
  bool timed_out_ = false;
};

/// A result of type T, on its way.
template <class T>
struct Outcome : PendingResult {
  struct Nothing {};
  using Value = std::conditional_t<std::is_void_v<T>, Nothing, T>;
  using PendingResult::PendingResult;

  [[nodiscard]] Completion<T> completion() {
    return Completion<T>(std::static_pointer_cast<Outcome>(shared_from_this()));
  }
  /// The result, or its exception is thrown.
  T get() {
    if (exception) std::rethrow_exception(exception);
    if constexpr (!std::is_void_v<T>) return std::move(*value);
  }

  std::optional<Value> value;
};

}  // namespace detail

/// Finishes a run_sync() or an until(). Copies share one result, which the first call
/// sets. If every copy is destroyed without a result, the wait throws Errc::abandoned.
/// Thread-safe.
template <class T>
class Completion {
  using Outcome = detail::Outcome<T>;

 public:
  /// True if this call set the result. False if there is a result already, or if the
  /// wait has ended.
  template <class... U>
  requires(std::is_constructible_v<typename Outcome::Value, U...>) bool set_value(
      U&&... value) const {
    Outcome& outcome = *promise_->outcome;
    if (!outcome.claim()) return false;
    try {
      outcome.value.emplace(std::forward<U>(value)...);
    } catch (...) {
      detail::pass_end_of_thread();
      outcome.exception = std::current_exception();
    }
    return outcome.publish();
  }
  /// As set_value(). The wait throws `exception`.
  bool set_exception(std::exception_ptr exception) const {
    return promise_->outcome->fail(std::move(exception));
  }

 private:
  friend struct detail::Outcome<T>;
  struct Promise {
    explicit Promise(std::shared_ptr<Outcome> o) : outcome(std::move(o)) {}
    Promise(const Promise&) = delete;
    Promise& operator=(const Promise&) = delete;
    ~Promise() {
      if (!outcome->is_open()) return;
      try {
        throw std::system_error(Errc::abandoned,
                                "every Completion was destroyed without a result");
      } catch (...) {  // it, or that there is no memory for it
        outcome->fail(std::current_exception());
      }
    }
    std::shared_ptr<Outcome> outcome;
  };

  explicit Completion(std::shared_ptr<Outcome> outcome)
      : promise_(std::make_shared<Promise>(std::move(outcome))) {}

  std::shared_ptr<Promise> promise_;
};

}  // namespace tornado
