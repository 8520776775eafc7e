// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The promise that IOLoop::run_sync waits for.

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include "tornado/error.h"
#include "tornado/loop_handle.h"

namespace tornado {

/// What is known of a result that a loop waits for. For IOLoop::run_sync.
template <class T>
struct Outcome : std::enable_shared_from_this<Outcome<T>> {
  using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  explicit Outcome(LoopHandle waiting) : loop(std::move(waiting)) {}

  bool claim() noexcept { return !claimed.exchange(true); }
  /// For the claimer, who has written the value or the exception.
  void deliver() noexcept {
    try {
      loop.add_callback([shared = this->shared_from_this()] {
        if (!shared->awaited) return;
        shared->arrived = true;
        shared->loop.stop();
      });
    } catch (...) {  // no memory: run_sync looks here, too
      delivered = true;
      loop.stop();
    }
  }
  bool fail(std::exception_ptr reason) noexcept {
    if (!claim()) return false;
    exception = std::move(reason);
    deliver();
    return true;
  }

  LoopHandle loop;
  std::atomic<bool> claimed{false};
  std::atomic<bool> delivered{false};  // without a callback
  std::optional<Value> value;
  std::exception_ptr exception;
  // On the loop only:
  bool awaited = true;   // false once run_sync has given up
  bool arrived = false;  // the result, while awaited
};

/// Finishes a run_sync. Copies share one result; the first to set it wins. If every
/// copy is dropped without one, run_sync throws Errc::abandoned. Thread-safe.
template <class T>
class Completion {
 public:
  explicit Completion(std::shared_ptr<Outcome<T>> outcome)
      : promise_(std::make_shared<Promise>(std::move(outcome))) {}

  /// True if this was the first.
  template <class... U>
  requires(std::is_constructible_v<typename Outcome<T>::Value, U...>) bool set_value(
      U&&... value) const {
    Outcome<T>& outcome = *promise_->outcome;
    if (!outcome.claim()) return false;
    try {
      outcome.value.emplace(std::forward<U>(value)...);
    } catch (...) {
      pass_end_of_thread();
      outcome.exception = std::current_exception();
    }
    outcome.deliver();
    return true;
  }
  bool set_exception(std::exception_ptr exception) const {
    return promise_->outcome->fail(std::move(exception));
  }

 private:
  struct Promise {
    explicit Promise(std::shared_ptr<Outcome<T>> o) : outcome(std::move(o)) {}
    Promise(const Promise&) = delete;
    Promise& operator=(const Promise&) = delete;
    ~Promise() {
      if (outcome->claimed) return;
      try {
        throw std::system_error(Errc::abandoned, "run_sync: no Completion left to set");
      } catch (...) {  // it, or that there is no memory for it
        outcome->fail(std::current_exception());
      }
    }
    std::shared_ptr<Outcome<T>> outcome;
  };

  std::shared_ptr<Promise> promise_;
};

}  // namespace tornado
