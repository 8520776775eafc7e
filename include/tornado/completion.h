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
struct Outcome {
  using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  explicit Outcome(LoopHandle waiting) : loop(std::move(waiting)) {}

  LoopHandle loop;
  std::atomic<bool> claimed{false};
  std::optional<Value> value;    // written by the claimer, before it posts
  std::exception_ptr exception;  // likewise
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
    if (!promise_->claim()) return false;
    try {
      promise_->outcome->value.emplace(std::forward<U>(value)...);
    } catch (...) {
      promise_->outcome->exception = std::current_exception();
    }
    promise_->deliver();
    return true;
  }
  bool set_exception(std::exception_ptr exception) const {
    if (!promise_->claim()) return false;
    promise_->outcome->exception = std::move(exception);
    promise_->deliver();
    return true;
  }

 private:
  struct Promise {
    explicit Promise(std::shared_ptr<Outcome<T>> o) : outcome(std::move(o)) {}
    Promise(const Promise&) = delete;
    Promise& operator=(const Promise&) = delete;
    ~Promise() {
      if (!claim()) return;
      outcome->exception = std::make_exception_ptr(
          std::system_error(Errc::abandoned, "run_sync: no Completion left to set"));
      deliver();
    }
    bool claim() const { return !outcome->claimed.exchange(true); }
    void deliver() const {
      outcome->loop.add_callback([shared = outcome] {
        if (!shared->awaited) return;
        shared->arrived = true;
        shared->loop.stop();
      });
    }
    std::shared_ptr<Outcome<T>> outcome;
  };

  std::shared_ptr<Promise> promise_;
};

}  // namespace tornado
