// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The results of operations, and the callbacks that get them.

#include <concepts>
#include <exception>
#include <type_traits>
#include <utility>
#include <variant>

#include "tornado/callback.h"
#include "tornado/error.h"
#include "tornado/intrusive_list.h"

namespace tornado {

/// A value, or the exception with which an operation has failed. Callbacks get one.
template <class T>
class Result {
  using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

 public:
  /// What `act()` returns or throws.
  template <std::invocable F>
  [[nodiscard]] static Result of(F&& act) {
    try {
      if constexpr (std::is_void_v<T>) {
        act();
        return Result(Value());
      } else {
        return Result(Value(act()));
      }
    } catch (...) {
      detail::pass_end_of_thread();
      return Result(std::current_exception());
    }
  }

  /// Whether there is a value.
  [[nodiscard]] explicit operator bool() const noexcept { return state_.index() == 0; }
  /// The value, which leaves this object. Throws the exception if there is none.
  T get() {
    if (!*this) std::rethrow_exception(std::get<1>(state_));
    if constexpr (!std::is_void_v<T>) return std::move(std::get<0>(state_));
  }
  /// Null if there is a value.
  [[nodiscard]] std::exception_ptr exception() const noexcept {
    return *this ? nullptr : std::get<1>(state_);
  }

 private:
  template <class A>
  explicit Result(A state) : state_(std::move(state)) {}

  std::variant<Value, std::exception_ptr> state_;
};

/// What an operation may be told to call with its result. Not a function that returns a
/// task: nothing would start it.
template <class F, class T>
concept ResultHandler = std::is_invocable_r_v<void, F&, Result<T>> &&
    !detail::is_task<std::invoke_result_t<F&, Result<T>>>;

namespace detail {

/// A callback, with the operation that it waits for. Lives in the loop's list, so that
/// the result needs no memory when it comes.
class PendingCall : public ListLink<PendingCall> {
 public:
  virtual ~PendingCall() = default;
  /// Destroys this, and then calls the program's function.
  virtual void run() = 0;
  /// Destroys this, and then the program's function.
  virtual void drop() noexcept = 0;

 protected:
  PendingCall() noexcept = default;
};

}  // namespace detail
}  // namespace tornado
