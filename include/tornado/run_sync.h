// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The templates of IOLoop::run_sync. tornado/ioloop.h includes this file.

#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "tornado/completion.h"
#include "tornado/ioloop.h"

namespace tornado {

template <class F>
requires(std::invocable<F&> && !AnyTaskFunction<F>)
    std::invoke_result_t<F&> IOLoop::run_sync(F func, std::optional<Delay> timeout,
                                              Location where) {
  using T = std::invoke_result_t<F&>;
  return run_sync<T>(
      [&func](const Completion<T>& completion) {
        if constexpr (std::is_void_v<T>) {
          func();
          completion.set_value();
        } else {
          completion.set_value(func());
        }
      },
      timeout, where);
}

template <class T, class F>
requires std::invocable<F&, Completion<T>> T
IOLoop::run_sync(F func, std::optional<Delay> timeout, Location where) {
  const auto outcome = std::make_shared<detail::Outcome<T>>(handle());
  // It keeps a copy until what `func` throws is caught, or dropping the last one would
  // be the result.
  auto first = [&func, outcome, copy = std::optional<Completion<T>>()]() mutable {
    copy = outcome->completion();
    func(Completion<T>(*copy));
  };
  run_until(outcome, std::move(first), timeout, where);
  return outcome->get();
}

}  // namespace tornado
